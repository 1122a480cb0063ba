// An open-loop load generator: sends HTTP requests at a constant rate, whether or not responses arrive.
//   paced <port> <file> <connections> <rate> <seconds>
// The file has the format of requests.lua. A request that finds no free connection waits for one. Its latency
// counts from its scheduled time, so that waiting is part of it. Prints one line of JSON.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 256, MAX_TEMPLATES = 4096, BUFFER = 65536, NUMBER = 16 };
static const int64_t SECOND = 1000000000;

struct template { char *text; size_t length; char *number; };
struct connection { int64_t scheduled; size_t received; char buffer[BUFFER]; };

static struct template templates[MAX_TEMPLATES];
static int template_count;
static struct connection connections[MAX_CONNECTIONS];
static struct pollfd polled[MAX_CONNECTIONS];
static long sent, refused, answered;
static int64_t *latencies;

static void die(const char *what) {
    perror(what);
    exit(1);
}

/// Nanoseconds of the monotonic clock.
static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void read_templates(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0;
    ssize_t length;
    if (!file) die(path);
    while (template_count < MAX_TEMPLATES && (length = getdelim(&text, &room, 0, file)) > 0) {
        struct template *next = &templates[template_count++];
        *next = (struct template){text, strlen(text), strstr(text, "@@@@@@@@@@@@@@@@")};
        text = NULL;
        room = 0;
    }
    fclose(file);
}

static int open_connection(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return descriptor;
}

static void send_request(int index, int64_t scheduled, int64_t first) {
    struct template *request = &templates[sent % template_count];
    char number[NUMBER + 1];
    if (request->number) {
        snprintf(number, sizeof number, "%016lld", (long long)(first + sent));
        memcpy(request->number, number, NUMBER);
    }
    sent++;
    connections[index].scheduled = scheduled;
    connections[index].received = 0;
    if (write(polled[index].fd, request->text, request->length) != (ssize_t)request->length) die("write");
}

/// Whether the response is complete.
static int is_complete(struct connection *connection) {
    connection->buffer[connection->received] = 0;
    char *body = strstr(connection->buffer, "\r\n\r\n"), *length = strcasestr(connection->buffer, "\r\ncontent-length:");
    if (!body) return 0;
    size_t head = body + 4 - connection->buffer;
    return connection->received >= head + (length && length < body ? strtoul(length + 17, NULL, 10) : 0);
}

/// Reads what has arrived. Returns whether the response is complete and the connection is free again.
static int receive(int index) {
    struct connection *connection = &connections[index];
    ssize_t count = read(polled[index].fd, connection->buffer + connection->received, BUFFER - 1 - connection->received);
    if (count <= 0) die("read");
    connection->received += count;
    if (!is_complete(connection)) return 0;
    latencies[answered++] = now() - connection->scheduled;
    if (connection->buffer[9] != '2') refused++;
    return 1;
}

static int ascending(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void run(int count, double rate, double seconds) {
    int free[MAX_CONNECTIONS], free_count = count;
    long total = rate * seconds;
    int64_t start = now(), first = time(NULL) % 10000000 * 100000000LL;
    latencies = malloc((total + 1) * sizeof *latencies);
    for (int i = 0; i < count; i++) free[i] = i;
    while (answered < total) {
        int64_t due = start + sent * (SECOND / rate);
        for (; sent < total && free_count && due <= now(); due = start + sent * (SECOND / rate))
            send_request(free[--free_count], due, first);
        int64_t wait = sent < total && free_count ? due - now() : SECOND * 10;
        struct timespec timeout = {0, wait > 0 ? wait % SECOND : 0};
        timeout.tv_sec = wait > 0 ? wait / SECOND : 0;
        if (ppoll(polled, count, &timeout, NULL) < 0 && errno != EINTR) die("poll");
        if (now() - start > (seconds + 20) * SECOND) break;
        for (int i = 0; i < count; i++)
            if (polled[i].revents && receive(i)) free[free_count++] = i;
    }
    double duration = (double)(now() - start) / SECOND;
    qsort(latencies, answered, sizeof *latencies, ascending);
    if (!answered) die("no response");
    printf("{\"rate\": %.1f, \"p50\": %.4f, \"p99\": %.4f, \"requests\": %ld, \"refused\": %ld, \"failed\": %ld}\n",
           answered / duration, latencies[answered / 2] / 1e6, latencies[answered * 99 / 100] / 1e6, answered, refused,
           sent - answered);
}

int main(int count, char **arguments) {
    if (count != 6 || atoi(arguments[3]) > MAX_CONNECTIONS || atoi(arguments[3]) < 1) {
        fprintf(stderr, "usage: paced <port> <file> <connections> <rate> <seconds>\n");
        return 64;
    }
    read_templates(arguments[2]);
    for (int i = 0; i < atoi(arguments[3]); i++) polled[i] = (struct pollfd){open_connection(atoi(arguments[1])), POLLIN, 0};
    run(atoi(arguments[3]), atof(arguments[4]), atof(arguments[5]));
    return 0;
}
