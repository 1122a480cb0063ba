// Calls over the broker as a plain program on librabbitmq makes them: one message each, published and waited for with the library's own functions.
//   amqp echo <port> <user> <vhost>                        answers until it is ended
//   amqp calls <port> <user> <vhost> <in flight> <seconds> prints one line of JSON
//   amqp listen <port> <user> <vhost> <queue>              counts the messages that the events of a queue tell of, and prints their number
//                                                          once it is told to end and nothing has come for a second
// The password comes in AMQP_PASSWORD.
#define _GNU_SOURCE
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 200, MOST = 4000000 };
#define QUEUE amqp_cstring_bytes("floor.echo")

static void check(int is_good, const char *what) {
    if (is_good) return;
    fprintf(stderr, "amqp: %s failed\n", what);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static amqp_connection_state_t open_connection(char **arguments) {
    amqp_connection_state_t broker = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(broker);
    check(socket && amqp_socket_open(socket, "127.0.0.1", atoi(arguments[0])) == AMQP_STATUS_OK, "connecting");
    amqp_rpc_reply_t login = amqp_login(
        broker, arguments[2], 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, arguments[1], getenv("AMQP_PASSWORD"));
    check(login.reply_type == AMQP_RESPONSE_NORMAL, "logging in");
    amqp_channel_open(broker, 1);
    check(amqp_get_rpc_reply(broker).reply_type == AMQP_RESPONSE_NORMAL, "opening a channel");
    return broker;
}

/// Declares a transient queue that goes with us, and consumes it without acknowledgements.
static void consume(amqp_connection_state_t broker, amqp_bytes_t queue) {
    amqp_queue_declare(broker, 1, queue, 0, 0, 0, 1, amqp_empty_table);
    check(amqp_get_rpc_reply(broker).reply_type == AMQP_RESPONSE_NORMAL, "declaring a queue");
    amqp_basic_consume(broker, 1, queue, amqp_empty_bytes, 0, 1, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(broker).reply_type == AMQP_RESPONSE_NORMAL, "consuming");
}

static void publish(amqp_connection_state_t broker, amqp_bytes_t queue, amqp_bytes_t reply_to, amqp_bytes_t body) {
    amqp_basic_properties_t properties = {._flags = reply_to.len ? AMQP_BASIC_REPLY_TO_FLAG : 0, .reply_to = reply_to};
    int status = amqp_basic_publish(broker, 1, amqp_empty_bytes, queue, 0, 0, &properties, body);
    check(status == AMQP_STATUS_OK, "publishing");
}

static amqp_envelope_t receive(amqp_connection_state_t broker) {
    amqp_envelope_t envelope;
    amqp_maybe_release_buffers(broker);
    check(amqp_consume_message(broker, &envelope, NULL, 0).reply_type == AMQP_RESPONSE_NORMAL, "receiving");
    return envelope;
}

static void echo(amqp_connection_state_t broker) {
    consume(broker, QUEUE);
    for (;;) {
        amqp_envelope_t call = receive(broker);
        publish(broker, call.message.properties.reply_to, amqp_empty_bytes, call.message.body);
        amqp_destroy_envelope(&call);
    }
}

/// The body begins with the time at which it was sent.
static void call(amqp_connection_state_t broker, amqp_bytes_t replies) {
    char body[SIZE];
    int64_t sent = now();
    memset(body, 'x', SIZE);
    memcpy(body, &sent, sizeof sent);
    publish(broker, QUEUE, replies, (amqp_bytes_t){SIZE, body});
}

static int ascending(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void measure(amqp_connection_state_t broker, int in_flight, double seconds) {
    char name[64];
    snprintf(name, sizeof name, "floor.replies.%lld", (long long)now());
    amqp_bytes_t replies = amqp_cstring_bytes(name);
    consume(broker, replies);
    int64_t *latencies = malloc(MOST * sizeof *latencies), from = now() + 300000000, end = from + (int64_t)(seconds * 1e9);
    long count = 0;
    for (int i = 0; i < in_flight; i++) call(broker, replies);
    for (int64_t time = now(); time < end;) {
        amqp_envelope_t reply = receive(broker);
        int64_t sent;
        memcpy(&sent, reply.message.body.bytes, sizeof sent);
        amqp_destroy_envelope(&reply);
        time = now();
        if (time >= from && time < end && count < MOST) latencies[count++] = time - sent;
        call(broker, replies);
    }
    qsort(latencies, count, sizeof *latencies, ascending);
    check(count > 0, "measuring");
    printf("{\"rate\": %.1f, \"p50\": %.4f, \"p99\": %.4f}\n", count / seconds, latencies[count / 2] / 1e6,
           latencies[count * 99 / 100] / 1e6);
}

static volatile sig_atomic_t is_ending;
static void end(int signal) { is_ending = signal; }

/// Messages in one event: each has this key once.
static long told(amqp_bytes_t event) {
    static const char key[] = "\"clientMessageId\":";
    const char *at = event.bytes, *stop = at + event.len;
    long count = 0;
    for (; (at = memmem(at, stop - at, key, sizeof key - 1)); at += sizeof key - 1) count++;
    return count;
}

static void listen_to(amqp_connection_state_t broker, amqp_bytes_t queue) {
    struct sigaction action = {.sa_handler = end};
    struct timeval second = {1, 0};
    amqp_envelope_t event;
    long count = 0;
    sigaction(SIGTERM, &action, NULL);
    amqp_basic_qos(broker, 1, 0, 256, 0);
    amqp_basic_consume(broker, 1, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(broker).reply_type == AMQP_RESPONSE_NORMAL, "consuming");
    for (;;) {
        amqp_maybe_release_buffers(broker);
        amqp_rpc_reply_t reply = amqp_consume_message(broker, &event, &second, 0);
        if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
            count += told(event.message.body);
            amqp_basic_ack(broker, 1, event.delivery_tag, 0);
            amqp_destroy_envelope(&event);
        } else {
            check(reply.library_error == AMQP_STATUS_TIMEOUT, "receiving");
            if (is_ending) break;
        }
    }
    printf("{\"count\": %ld}\n", count);
}

int main(int count, char **arguments) {
    check(count >= 5, "usage: amqp echo|calls <port> <user> <vhost> [<in flight> <seconds>]:");
    amqp_connection_state_t broker = open_connection(arguments + 2);
    if (strcmp(arguments[1], "echo") == 0) echo(broker);
    if (strcmp(arguments[1], "listen") == 0 && count == 6) {
        listen_to(broker, amqp_cstring_bytes(arguments[5]));
        return 0;
    }
    check(count == 7, "usage");
    measure(broker, atoi(arguments[5]), atof(arguments[6]));
    return 0;
}
