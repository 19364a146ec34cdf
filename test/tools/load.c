/*
 * load: parallel HTTP requests and long streams, counting every one that fails. Runs on the lab's
 * client; prints one JSON object at the end (or on SIGTERM, SIGINT).
 *
 *   load --url URL [--url URL ...] [--parallel N] [--duration S] [--timeout MS] [--pause MS]
 *        [--keep-alive] [--streams K] [--stream-url URL ...] [--announce]
 *
 *   --url         http://ADDRESS[:PORT]/PATH, an IPv4 address; several take turns
 *   --parallel    so many requests at any time, each on a connection of its own (default 1; 0: none)
 *   --keep-alive  each of the N keeps its connection for its requests instead
 *   --pause       of each of the N between two requests (default 0)
 *   --streams     so many long answers beside them; one that ends is opened again
 *   --stream-url  default: the --url with the path /stream
 *   --timeout     of a connection attempt or an answer, and of silence in a stream (default 5000)
 *   --duration    seconds (default 10)
 *   --announce    prints the line "loading" once each of the N and of the K has had an answer
 *
 * The report
 *   requests  {ok, failed}
 *   streams   {opened, open_at_end, ended, cut, failed, lines, longest_silence_ms}
 *             cut: broken before its end; failed: never opened
 *   servers   {host name: answers}         by the first word of an answer
 *   clients   {address: answers}           the address that the server saw
 *   latency_ms {p50, p90, p99, max}
 *   failures  [{at_s, unix_ms, what, stage, error, url, local_port}]  the first 200
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_URLS = 32, MAX_NAMES = 256, MAX_FAILURES = 200, MAX_SAMPLES = 1 << 20, HEAD_MAX = 8192 };
enum { EXIT_USAGE = 64 };

struct url {
    char text[512];
    char authority[64];
    char path[400];
    struct sockaddr_in address;
};

enum stage { IDLE, CONNECTING, ASKING, READING_HEAD, READING_BODY };
static const char *const stage_names[] = {"idle", "connect", "send", "answer", "body"};

/* One of the parallel requesters, or one stream. */
struct worker {
    int fd;
    int is_stream;
    enum stage stage;
    const struct url *url;
    int turn;              /* which URL is next */
    long long begun_us;    /* of this request */
    long long deadline_us; /* of the current stage; IDLE: when to begin */
    long long heard_us;    /* streams: the last byte */
    int answered;
    char head[HEAD_MAX];
    size_t got;
    long long body_left;   /* -1: chunked */
    char tail[8];          /* the last bytes of a chunked body: it ends with an empty chunk */
    size_t tail_length;
    int close_after;
};

struct counter {
    char name[128];
    long long count;
};

struct failure {
    long long at_us, unix_ms;
    const char *stage, *error;
    const struct url *url;
    int is_stream, local_port;
};

static struct url urls[MAX_URLS], stream_urls[MAX_URLS];
static int url_count, stream_url_count;
static int parallel = 1, streams, keep_alive, announce;
static double duration = 10;
static long long timeout_us = 5000000, pause_us;

static int epoll_fd;
static long long start_us, end_us;
static volatile sig_atomic_t interrupted;

static long long ok, failed;
static long long streams_opened, streams_ended, streams_cut, streams_failed, stream_lines, longest_silence_us;
static struct counter servers[MAX_NAMES], clients[MAX_NAMES];
static struct failure failures[MAX_FAILURES];
static int failure_count;
static float *samples;
static long long sample_count;

static long long now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void usage(const char *problem, const char *value)
{
    fprintf(stderr, "load: %s%s; see the head of test/tools/load.c\n", problem, value);
    exit(EXIT_USAGE);
}

static void parse_url(const char *text, struct url *url)
{
    char host[64] = "", path[400] = "/";
    int port = 80;
    if (sscanf(text, "http://%63[0-9.]:%d%399s", host, &port, path) < 2)
        sscanf(text, "http://%63[0-9.]%399s", host, path);
    snprintf(url->text, sizeof url->text, "%s", text);
    snprintf(url->path, sizeof url->path, "%s", path);
    snprintf(url->authority, sizeof url->authority, "%.50s:%d", host, port);
    url->address.sin_family = AF_INET;
    url->address.sin_port = htons(port);
    if (inet_pton(AF_INET, host, &url->address.sin_addr) != 1 || port < 1 || port > 65535)
        usage("expected http://ADDRESS[:PORT]/PATH, got ", text);
}

static void count(struct counter *counters, const char *name, size_t length)
{
    for (int i = 0; i < MAX_NAMES; i++) {
        if (!counters[i].count)
            snprintf(counters[i].name, sizeof counters[i].name, "%.*s", (int)length, name);
        else if (strlen(counters[i].name) != length || memcmp(counters[i].name, name, length))
            continue;
        counters[i].count++;
        return;
    }
}

static void note_failure(struct worker *w, const char *error)
{
    if (failure_count == MAX_FAILURES)
        return;
    struct failure *f = &failures[failure_count++];
    struct sockaddr_in local = {0};
    socklen_t size = sizeof local;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (w->fd >= 0)
        getsockname(w->fd, (void *)&local, &size);
    *f = (struct failure){.at_us = now_us() - start_us, .unix_ms = t.tv_sec * 1000LL + t.tv_nsec / 1000000,
                          .stage = stage_names[w->stage], .error = error, .url = w->url,
                          .is_stream = w->is_stream, .local_port = ntohs(local.sin_port)};
}

static void rest(struct worker *w, long long how_long_us)
{
    w->stage = IDLE;
    w->deadline_us = now_us() + how_long_us;
}

static void hang_up(struct worker *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

static void request_failed(struct worker *w, const char *error)
{
    note_failure(w, error);
    if (!w->is_stream)
        failed++;
    else if (w->stage == READING_BODY)
        streams_cut++;
    else
        streams_failed++;
    hang_up(w);
    /* Not at once again: a refusing port would be asked thousands of times a second. */
    rest(w, pause_us > 20000 ? pause_us : 20000);
}

static void request_done(struct worker *w)
{
    if (w->is_stream) {
        streams_ended++;
    } else {
        ok++;
        if (sample_count < MAX_SAMPLES)
            samples[sample_count++] = (now_us() - w->begun_us) / 1000.0f;
    }
    if (!keep_alive || w->close_after || w->is_stream)
        hang_up(w);
    rest(w, w->is_stream ? 0 : pause_us);
}

static const char *error_name(int number)
{
    const char *name = strerrorname_np(number);
    return name ? name : "unknown";
}

static void wait_for(struct worker *w, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = w};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, w->fd, &event))
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, w->fd, &event);
}

static void ask(struct worker *w)
{
    char request[700];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: %s\r\n\r\n", w->url->path,
                          w->url->authority, keep_alive && !w->is_stream ? "keep-alive" : "close");
    w->stage = ASKING;
    if (send(w->fd, request, length, MSG_NOSIGNAL) != length) {
        request_failed(w, error_name(errno));
        return;
    }
    w->stage = READING_HEAD;
    w->got = w->tail_length = 0;
    w->heard_us = now_us();
    wait_for(w, EPOLLIN);
}

static void begin(struct worker *w)
{
    w->begun_us = now_us();
    w->deadline_us = w->begun_us + timeout_us;
    if (w->fd >= 0) {
        ask(w);
        return;
    }
    w->url = w->is_stream ? &stream_urls[w->turn++ % stream_url_count] : &urls[w->turn++ % url_count];
    w->stage = CONNECTING;
    w->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(w->fd, (const void *)&w->url->address, sizeof w->url->address) && errno != EINPROGRESS) {
        request_failed(w, error_name(errno));
        return;
    }
    wait_for(w, EPOLLOUT);
}

/* "<host name> sees <address>:<port>": who answered, and whom it saw. */
static void note_answer(const char *body, size_t length)
{
    const char *space = memchr(body, ' ', length);
    if (!space)
        return;
    count(servers, body, space - body);
    const char *address = memmem(body, length, " sees ", 6);
    if (!address)
        return;
    address += 6;
    const char *colon = memchr(address, ':', length - (address - body));
    if (colon)
        count(clients, address, colon - address);
}

static void take_body(struct worker *w, const char *bytes, size_t length)
{
    if (w->is_stream)
        for (size_t i = 0; i < length; i++)
            stream_lines += bytes[i] == '\n' && i && bytes[i - 1] != '\r';
    if (w->body_left >= 0) {
        w->body_left -= length;
        if (w->body_left <= 0)
            request_done(w);
        return;
    }
    for (size_t i = length > sizeof w->tail ? length - sizeof w->tail : 0; i < length; i++) {
        if (w->tail_length == sizeof w->tail)
            memmove(w->tail, w->tail + 1, --w->tail_length);
        w->tail[w->tail_length++] = bytes[i];
    }
    if (w->tail_length >= 7 && !memcmp(w->tail + w->tail_length - 7, "\r\n0\r\n\r\n", 7))
        request_done(w);
}

static void take_head(struct worker *w)
{
    w->head[w->got] = 0;
    char *end = strstr(w->head, "\r\n\r\n");
    if (!end)
        return;
    end[2] = 0;
    if (strncmp(w->head, "HTTP/1.", 7) || strncmp(w->head + 8, " 200", 4)) {
        w->head[strcspn(w->head, "\r\n")] = 0;
        request_failed(w, "status not 200");
        return;
    }
    char *length = strcasestr(w->head, "\r\nContent-Length:");
    w->body_left = length ? atoll(length + 17) : -1;
    w->close_after = strcasestr(w->head, "\r\nConnection: close") != NULL;
    const char *body = end + 4;
    size_t body_length = w->got - (body - w->head);
    if (w->is_stream)
        streams_opened++;
    w->answered = 1;
    w->stage = READING_BODY;
    if (!w->is_stream)
        note_answer(body, body_length);
    take_body(w, body, body_length);
}

static void hear(struct worker *w)
{
    char bytes[65536];
    int in_head = w->stage == READING_HEAD;
    ssize_t got = in_head ? read(w->fd, w->head + w->got, sizeof w->head - 1 - w->got) : read(w->fd, bytes, sizeof bytes);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        request_failed(w, got < 0 ? error_name(errno) : "closed early");
        return;
    }
    long long now = now_us();
    if (w->is_stream && w->stage == READING_BODY && now - w->heard_us > longest_silence_us)
        longest_silence_us = now - w->heard_us;
    w->heard_us = now;
    if (w->is_stream)
        w->deadline_us = now + timeout_us;
    if (in_head) {
        w->got += got;
        take_head(w);
    } else {
        take_body(w, bytes, got);
    }
}

static void happen(struct worker *w)
{
    if (w->stage == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error)
            request_failed(w, error_name(error));
        else
            ask(w);
    } else if (w->stage == READING_HEAD || w->stage == READING_BODY) {
        hear(w);
    } else if (w->stage == IDLE && w->fd >= 0) {
        hang_up(w); /* a kept connection that the server has closed between two requests */
    }
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile(double part)
{
    return sample_count ? samples[(long long)((sample_count - 1) * part)] : 0;
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 32 || (unsigned char)*text > 126)
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_counters(const char *name, const struct counter *counters)
{
    printf(",\n  \"%s\": {", name);
    for (int i = 0; i < MAX_NAMES && counters[i].count; i++) {
        printf("%s", i ? ", " : "");
        print_string(counters[i].name);
        printf(": %lld", counters[i].count);
    }
    printf("}");
}

static void report(const struct worker *workers)
{
    long long open_at_end = 0;
    for (int i = parallel; i < parallel + streams; i++)
        open_at_end += workers[i].stage == READING_BODY;
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\n  \"duration_s\": %.3f,\n  \"requests\": {\"ok\": %lld, \"failed\": %lld}", (now_us() - start_us) / 1e6, ok, failed);
    printf(",\n  \"streams\": {\"opened\": %lld, \"open_at_end\": %lld, \"ended\": %lld, \"cut\": %lld, \"failed\": %lld, \"lines\": %lld, "
           "\"longest_silence_ms\": %.1f}",
           streams_opened, open_at_end, streams_ended, streams_cut, streams_failed, stream_lines, longest_silence_us / 1e3);
    print_counters("servers", servers);
    print_counters("clients", clients);
    printf(",\n  \"latency_ms\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}", percentile(.5), percentile(.9),
           percentile(.99), percentile(1));
    printf(",\n  \"failures\": [");
    for (int i = 0; i < failure_count; i++) {
        const struct failure *f = &failures[i];
        printf("%s\n    {\"at_s\": %.3f, \"unix_ms\": %lld, \"what\": \"%s\", \"stage\": \"%s\", \"error\": \"%s\", \"url\": ",
               i ? "," : "", f->at_us / 1e6, f->unix_ms, f->is_stream ? "stream" : "request", f->stage, f->error);
        print_string(f->url->text);
        printf(", \"local_port\": %d}", f->local_port);
    }
    printf("%s]\n}\n", failure_count ? "\n  " : "");
}

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

static long long number(const char *flag, const char *value)
{
    char *end;
    long long n = value ? strtoll(value, &end, 10) : -1;
    if (n < 0 || *end)
        usage("expected a number after ", flag);
    return n;
}

static void read_flags(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *flag = argv[i], *value = argv[i + 1];
        if (!strcmp(flag, "--keep-alive")) {
            keep_alive = 1;
            continue;
        }
        if (!strcmp(flag, "--announce")) {
            announce = 1;
            continue;
        }
        if (!value)
            usage("expected a value after ", flag);
        i++;
        if (!strcmp(flag, "--url") && url_count < MAX_URLS)
            parse_url(value, &urls[url_count++]);
        else if (!strcmp(flag, "--stream-url") && stream_url_count < MAX_URLS)
            parse_url(value, &stream_urls[stream_url_count++]);
        else if (!strcmp(flag, "--parallel"))
            parallel = number(flag, value);
        else if (!strcmp(flag, "--streams"))
            streams = number(flag, value);
        else if (!strcmp(flag, "--timeout"))
            timeout_us = number(flag, value) * 1000;
        else if (!strcmp(flag, "--pause"))
            pause_us = number(flag, value) * 1000;
        else if (!strcmp(flag, "--duration"))
            duration = atof(value);
        else
            usage("unknown flag ", flag);
    }
    if (!url_count && parallel)
        usage("no --url", "");
    for (int i = 0; !stream_url_count && i < url_count; i++) {
        stream_urls[i] = urls[i];
        strcpy(stream_urls[i].path, "/stream");
    }
    if (!stream_url_count)
        stream_url_count = url_count;
    if (streams && !stream_url_count)
        usage("no --stream-url", "");
    if (duration <= 0 || duration > 86400)
        usage("--duration is up to a day, in seconds", "");
}

int main(int argc, char **argv)
{
    read_flags(argc, argv);
    signal(SIGTERM, interrupt);
    signal(SIGINT, interrupt);
    samples = malloc(MAX_SAMPLES * sizeof *samples);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int count_all = parallel + streams;
    struct worker *workers = calloc(count_all + 1, sizeof *workers);
    start_us = now_us();
    end_us = start_us + (long long)(duration * 1e6);
    for (int i = 0; i < count_all; i++)
        workers[i] = (struct worker){.fd = -1, .is_stream = i >= parallel, .turn = i, .deadline_us = start_us};

    while (!interrupted && now_us() < end_us) {
        long long now = now_us(), next = end_us;
        int unanswered = 0;
        for (int i = 0; i < count_all; i++) {
            struct worker *w = &workers[i];
            if (now >= w->deadline_us) {
                if (w->stage == IDLE)
                    begin(w);
                else
                    request_failed(w, "timeout");
            }
            if (w->deadline_us < next)
                next = w->deadline_us;
            unanswered += !w->answered;
        }
        if (announce && !unanswered) {
            announce = 0;
            printf("loading\n");
            fflush(stdout);
        }
        struct epoll_event events[64];
        long long sleep_ms = (next - now_us() + 999) / 1000;
        int got = epoll_wait(epoll_fd, events, 64, sleep_ms < 0 ? 0 : (int)sleep_ms);
        /* A worker has one socket, and closes only its own: no event of this batch outlives it. */
        for (int i = 0; i < got; i++)
            happen(events[i].data.ptr);
    }
    report(workers);
    return 0;
}
