\set chat random(1, 1000)
\set after random(0, 80)
SELECT seq, id, sender, body, at FROM page WHERE chat = :chat AND seq > :after ORDER BY seq LIMIT 20;
