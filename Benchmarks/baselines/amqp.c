// A plain librabbitmq program: the baseline of calls over the broker. Each call is one message, published and
// received with the functions of the library.
//   amqp echo <port> <user> <vhost>                         answers calls until terminated
//   amqp calls <port> <user> <vhost> <in flight> <seconds>  makes calls and prints one line of JSON
//   amqp count <port> <user> <vhost> <queue>                counts the messages in the events of a queue; after
//                                                           SIGTERM and one quiet second prints JSON
// The environment variable AMQP_PASSWORD has the password.
#define _GNU_SOURCE
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BODY_SIZE = 200, MAX_LATENCIES = 4000000 };
#define QUEUE amqp_cstring_bytes("baseline.echo")

/// Exits with an error that names the step unless the condition holds.
static void check(int condition, const char *step) {
    if (condition) return;
    fprintf(stderr, "amqp: %s failed\n", step);
    exit(1);
}

/// Nanoseconds of the monotonic clock.
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

/// Declares a transient auto-delete queue and consumes it without acknowledgements.
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

/// Sends a call whose body begins with the time of sending.
static void call(amqp_connection_state_t broker, amqp_bytes_t replies) {
    char body[BODY_SIZE];
    int64_t sent = now();
    memset(body, 'x', BODY_SIZE);
    memcpy(body, &sent, sizeof sent);
    publish(broker, QUEUE, replies, (amqp_bytes_t){BODY_SIZE, body});
}

static int ascending(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void measure(amqp_connection_state_t broker, int in_flight, double seconds) {
    char name[64];
    snprintf(name, sizeof name, "baseline.replies.%lld", (long long)now());
    amqp_bytes_t replies = amqp_cstring_bytes(name);
    consume(broker, replies);
    int64_t *latencies = malloc(MAX_LATENCIES * sizeof *latencies);
    int64_t from = now() + 300000000, end = from + (int64_t)(seconds * 1e9); // the first 300 ms are warm-up
    long count = 0;
    for (int i = 0; i < in_flight; i++) call(broker, replies);
    for (int64_t time = now(); time < end;) {
        amqp_envelope_t reply = receive(broker);
        int64_t sent;
        memcpy(&sent, reply.message.body.bytes, sizeof sent);
        amqp_destroy_envelope(&reply);
        time = now();
        if (time >= from && time < end && count < MAX_LATENCIES) latencies[count++] = time - sent;
        call(broker, replies);
    }
    qsort(latencies, count, sizeof *latencies, ascending);
    check(count > 0, "measuring");
    printf("{\"rate\": %.1f, \"p50\": %.4f, \"p99\": %.4f}\n", count / seconds, latencies[count / 2] / 1e6,
           latencies[count * 99 / 100] / 1e6);
}

static volatile sig_atomic_t is_terminating;
static void terminate(int signal) { is_terminating = signal; }

/// The number of messages in an event: each has the key `clientMessageId` once.
static long messages_in(amqp_bytes_t event) {
    static const char key[] = "\"clientMessageId\":";
    const char *at = event.bytes, *stop = at + event.len;
    long count = 0;
    for (; (at = memmem(at, stop - at, key, sizeof key - 1)); at += sizeof key - 1) count++;
    return count;
}

static void count_messages(amqp_connection_state_t broker, amqp_bytes_t queue) {
    struct sigaction action = {.sa_handler = terminate};
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
            count += messages_in(event.message.body);
            amqp_basic_ack(broker, 1, event.delivery_tag, 0);
            amqp_destroy_envelope(&event);
        } else {
            check(reply.library_error == AMQP_STATUS_TIMEOUT, "receiving");
            if (is_terminating) break;
        }
    }
    printf("{\"count\": %ld}\n", count);
}

int main(int count, char **arguments) {
    if (count < 5 || count > 7) {
        fprintf(stderr, "usage: amqp echo|calls|count <port> <user> <vhost> [<in flight> <seconds> | <queue>]\n");
        return 64;
    }
    amqp_connection_state_t broker = open_connection(arguments + 2);
    if (strcmp(arguments[1], "echo") == 0) echo(broker);
    if (strcmp(arguments[1], "count") == 0 && count == 6) {
        count_messages(broker, amqp_cstring_bytes(arguments[5]));
        return 0;
    }
    check(count == 7, "reading the arguments of calls");
    measure(broker, atoi(arguments[5]), atof(arguments[6]));
    return 0;
}
