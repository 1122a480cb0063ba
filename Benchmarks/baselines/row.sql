\set chat random(1, 50)
\set id random(1, 4611686018427387903)
\set sender random(1, 1000)
INSERT INTO stored (chat, id, sender, body, at) VALUES (:chat, :id, :sender, repeat('x', 200), clock_timestamp());
