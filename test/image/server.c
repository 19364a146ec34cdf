/*
 * The test image's only program: answers who it is and whom it sees, over HTTP and UDP.
 *
 *   server            serves until SIGTERM
 *   server health     exit 0 if the server of this container calls itself healthy (for HEALTHCHECK)
 *
 *   GET /, /who              <hostname> sees <client address>:<port>
 *   GET /slow?ms=N           the same after N ms
 *   GET /stream?s=N          the same line, numbered, every 100 ms for N s; without s for ever
 *   GET /bytes?n=N           N bytes
 *   POST /upload             how many bytes came
 *   GET /health[?set=bad|good]   200 or 503
 *   UDP                      <hostname> sees <client address>:<port> <payload>
 *
 * Environment
 *   PORT       ports, "80" or "80,8080-8082" (default 80): each one for TCP and UDP
 *   GRACE_MS   after SIGTERM, go on accepting for so long, calling itself unhealthy (default 0)
 *   DRAIN_MS   then wait so long for running requests to end (default 8000)
 *   UDP_REPLY  pktinfo (default): answer from the address that was asked, as a server must that has
 *              several; plain: let the kernel choose, as a careless server does
 *
 * One thread and epoll: hundreds of connections cost little even on an emulated CPU.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PORTS = 64, STREAM_TICK_MS = 100, REQUEST_MAX = 8192 };
enum kind { LISTENER, DATAGRAMS, SIGNALS, CONNECTION };
enum state { READING, WAITING, STREAMING, FILLING, FLUSHING };

struct watched {
    enum kind kind;
    int fd;
};

struct connection {
    struct watched watched; /* first: epoll hands out a pointer to it */
    enum state state;
    char peer[80];
    char request[REQUEST_MAX];
    size_t got;
    long long body_left;  /* of the request's body, not yet read */
    long long body_total;
    int upload;
    char *out;
    size_t out_length, out_sent;
    long long deadline;   /* ms; when WAITING or STREAMING does its next thing */
    long long stream_end; /* ms; 0: endless */
    long long lines;
    long long fill_left; /* of /bytes */
    int keep_alive;
    uint32_t events;
    struct connection *previous, *next;
};

static char hostname[256];
static int epoll_fd;
static struct connection *connections;
static struct watched *listeners[MAX_PORTS];
static int listener_count;
static int healthy = 1;
static long long stop_accepting_at; /* ms; 0: not told to stop */
static long long exit_at;
static int udp_pktinfo = 1;

static long long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void fail(const char *what)
{
    fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(struct watched *w, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = w};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, w->fd, &event))
        fail("epoll_ctl");
}

/* An IPv4 client of a dual-stack socket is shown as an IPv4 address. */
static void format_address(const struct sockaddr_in6 *a, char *text, size_t size)
{
    char address[INET6_ADDRSTRLEN];
    if (a->sin6_family == AF_INET) {
        const struct sockaddr_in *four = (const void *)a;
        inet_ntop(AF_INET, &four->sin_addr, address, sizeof address);
        snprintf(text, size, "%s:%d", address, ntohs(four->sin_port));
    } else if (IN6_IS_ADDR_V4MAPPED(&a->sin6_addr)) {
        inet_ntop(AF_INET, a->sin6_addr.s6_addr + 12, address, sizeof address);
        snprintf(text, size, "%s:%d", address, ntohs(a->sin6_port));
    } else {
        inet_ntop(AF_INET6, &a->sin6_addr, address, sizeof address);
        snprintf(text, size, "[%s]:%d", address, ntohs(a->sin6_port));
    }
}

static int bound_socket(int type, int port)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, off = 0;
    int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (!bind(fd, (void *)&six, sizeof six))
            return fd;
        close(fd);
    }
    /* A container without IPv6. */
    fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&four, sizeof four))
        fail("bind");
    return fd;
}

static struct watched *watched_socket(enum kind kind, int fd)
{
    struct watched *w = calloc(1, sizeof *w);
    w->kind = kind;
    w->fd = fd;
    watch(w, EPOLLIN);
    return w;
}

static void serve_port(int port)
{
    int on = 1;
    if (listener_count == MAX_PORTS) {
        fprintf(stderr, "server: more than %d ports\n", MAX_PORTS);
        exit(1);
    }
    int tcp = bound_socket(SOCK_STREAM, port);
    if (listen(tcp, 1024))
        fail("listen");
    listeners[listener_count++] = watched_socket(LISTENER, tcp);

    int udp = bound_socket(SOCK_DGRAM, port);
    setsockopt(udp, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(udp, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    watched_socket(DATAGRAMS, udp);
}

static void serve_ports(const char *list)
{
    for (const char *at = list; *at;) {
        char *end;
        long first = strtol(at, &end, 10), last = first;
        if (*end == '-')
            last = strtol(end + 1, &end, 10);
        if (first < 1 || last > 65535 || first > last || (*end && *end != ',')) {
            fprintf(stderr, "server: PORT is like 80 or 80,8080-8082, got '%s'\n", list);
            exit(64);
        }
        for (long port = first; port <= last; port++)
            serve_port(port);
        at = *end ? end + 1 : end;
    }
}

/* --- UDP --- */

static void answer_datagrams(int fd)
{
    for (;;) {
        char payload[65536], answer[66200], control[256];
        struct sockaddr_in6 from;
        struct iovec part = {payload, sizeof payload};
        struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
                                 .msg_control = control, .msg_controllen = sizeof control};
        ssize_t got = recvmsg(fd, &message, 0);
        if (got < 0)
            return;
        char peer[80];
        format_address(&from, peer, sizeof peer);
        int head = snprintf(answer, sizeof answer, "%s sees %s ", hostname, peer);
        memcpy(answer + head, payload, got);
        part = (struct iovec){answer, head + got};

        /* The control message that came says which address was asked; sent back, it says which answers. */
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        for (; c; c = CMSG_NXTHDR(&message, c)) {
            if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                struct in_pktinfo *info = (void *)CMSG_DATA(c);
                info->ipi_ifindex = 0;
                info->ipi_spec_dst = info->ipi_addr;
                break;
            }
            if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
                struct in6_pktinfo *info = (void *)CMSG_DATA(c);
                if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
                    info->ipi6_ifindex = 0;
                break;
            }
        }
        if (c && udp_pktinfo) {
            size_t length = CMSG_ALIGN(c->cmsg_len);
            memmove(control, c, c->cmsg_len);
            message.msg_controllen = length;
        } else {
            message.msg_control = NULL;
            message.msg_controllen = 0;
        }
        message.msg_flags = 0;
        sendmsg(fd, &message, MSG_NOSIGNAL);
    }
}

/* --- HTTP --- */

static void close_connection(struct connection *c)
{
    if (c->previous)
        c->previous->next = c->next;
    else
        connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    close(c->watched.fd);
    free(c->out);
    free(c);
}

static void want(struct connection *c, uint32_t events)
{
    if (c->events == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->watched.fd, &event);
    c->events = events;
}

static void append(struct connection *c, const char *format, ...)
{
    va_list arguments;
    char *text;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        fail("out of memory");
    c->out = realloc(c->out, c->out_length + length + 1);
    memcpy(c->out + c->out_length, text, length + 1);
    c->out_length += length;
    free(text);
}

static void append_answer(struct connection *c, const char *status, const char *body)
{
    append(c, "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n%s", status,
           strlen(body), c->keep_alive ? "keep-alive" : "close", body);
}

static void append_who(struct connection *c)
{
    char body[400];
    snprintf(body, sizeof body, "%s sees %s\n", hostname, c->peer);
    append_answer(c, "200 OK", body);
}

static long long query_number(const char *target, const char *name, long long otherwise)
{
    const char *at = strchr(target, '?');
    size_t length = strlen(name);
    while (at) {
        at++;
        if (!strncmp(at, name, length) && at[length] == '=')
            return atoll(at + length + 1);
        at = strchr(at, '&');
    }
    return otherwise;
}

static int path_is(const char *target, const char *path)
{
    size_t length = strlen(path);
    return !strncmp(target, path, length) && (target[length] == 0 || target[length] == '?');
}

/* The request's head is whole: decide what to answer. */
static void route(struct connection *c, const char *target)
{
    c->state = FLUSHING;
    if (path_is(target, "/") || path_is(target, "/who")) {
        append_who(c);
    } else if (path_is(target, "/slow")) {
        c->state = WAITING;
        c->deadline = now_ms() + query_number(target, "ms", 1000);
    } else if (path_is(target, "/stream")) {
        long long seconds = query_number(target, "s", 0);
        c->state = STREAMING;
        c->keep_alive = 0;
        c->deadline = now_ms();
        c->stream_end = seconds > 0 ? c->deadline + seconds * 1000 : 0;
        /* Chunked: a client can tell a stream that ended from one that was cut. */
        append(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    } else if (path_is(target, "/bytes")) {
        c->fill_left = query_number(target, "n", 1000);
        c->state = FILLING;
        append(c, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\nConnection: %s\r\n\r\n", c->fill_left,
               c->keep_alive ? "keep-alive" : "close");
    } else if (path_is(target, "/health")) {
        if (strstr(target, "set=bad"))
            healthy = 0;
        if (strstr(target, "set=good"))
            healthy = 1;
        int good = healthy && !stop_accepting_at;
        append_answer(c, good ? "200 OK" : "503 Service Unavailable", good ? "good\n" : "bad\n");
    } else {
        append_answer(c, "404 Not Found", "no such page\n");
    }
}

/* Reads a request out of what has come; 0: not whole yet. */
static int take_request(struct connection *c)
{
    c->request[c->got] = 0;
    char *end = strstr(c->request, "\r\n\r\n");
    if (!end)
        return 0;
    char target[2048] = "/", version[16] = "";
    if (sscanf(c->request, "%*15s %2047s %15s", target, version) < 1)
        strcpy(target, "/?");
    end[2] = 0;
    char *length = strcasestr(c->request, "\r\nContent-Length:");
    char *connection = strcasestr(c->request, "\r\nConnection:");
    c->body_total = c->body_left = length ? atoll(length + 17) : 0;
    c->keep_alive = !strcmp(version, "HTTP/1.1") && !stop_accepting_at;
    if (connection && !strncasecmp(connection + 13 + strspn(connection + 13, " "), "close", 5))
        c->keep_alive = 0;
    c->upload = path_is(target, "/upload");

    size_t head = end + 4 - c->request, rest = c->got - head;
    memmove(c->request, c->request + head, rest);
    c->got = rest;
    if (!c->upload)
        route(c, target);
    return 1;
}

/* Takes the body's bytes out of the buffer; 0: more is to come. */
static int take_body(struct connection *c)
{
    size_t part = (long long)c->got < c->body_left ? c->got : (size_t)c->body_left;
    memmove(c->request, c->request + part, c->got - part);
    c->got -= part;
    c->body_left -= part;
    return c->body_left == 0;
}

static void proceed(struct connection *c);

static void read_more(struct connection *c)
{
    for (;;) {
        if (c->upload) {
            if (take_body(c)) {
                char body[64];
                snprintf(body, sizeof body, "%lld\n", c->body_total);
                c->upload = 0;
                c->state = FLUSHING;
                append_answer(c, "200 OK", body);
            }
        } else if (c->state == READING && take_request(c)) {
            if (c->upload)
                continue;
        }
        if (c->state != READING) {
            if (c->body_left)
                take_body(c);
            proceed(c);
            return;
        }
        ssize_t got = read(c->watched.fd, c->request + c->got, sizeof c->request - 1 - c->got);
        if (got <= 0) {
            if (got < 0 && errno == EAGAIN)
                return;
            close_connection(c);
            return;
        }
        c->got += got;
    }
}

static void append_stream_line(struct connection *c)
{
    char line[400];
    int length = snprintf(line, sizeof line, "%s sees %s line %lld\n", hostname, c->peer, ++c->lines);
    append(c, "%x\r\n%s\r\n", length, line);
}

/* Does what is due for a connection and sends what can be sent. */
static void proceed(struct connection *c)
{
    static char filling[65536];
    if (!filling[0])
        memset(filling, 'x', sizeof filling);
    for (;;) {
        long long now = now_ms();
        if (c->state == WAITING && now >= c->deadline) {
            append_who(c);
            c->state = FLUSHING;
        }
        if (c->state == STREAMING && now >= c->deadline) {
            int told_to_stop = stop_accepting_at && now >= stop_accepting_at;
            if (c->stream_end ? now >= c->stream_end : told_to_stop) {
                append(c, "0\r\n\r\n");
                c->state = FLUSHING;
            } else {
                append_stream_line(c);
                c->deadline += STREAM_TICK_MS;
                if (c->deadline < now) /* the machine was away; do not catch up in a burst */
                    c->deadline = now + STREAM_TICK_MS;
            }
        }
        if (c->out_sent == c->out_length) {
            c->out_sent = c->out_length = 0;
            if (c->state == FILLING) {
                size_t part = c->fill_left < (long long)sizeof filling ? (size_t)c->fill_left : sizeof filling;
                ssize_t sent = part ? send(c->watched.fd, filling, part, MSG_NOSIGNAL) : 0;
                if (sent < 0 && errno == EAGAIN) {
                    want(c, EPOLLIN | EPOLLOUT);
                    return;
                }
                if (sent < 0) {
                    close_connection(c);
                    return;
                }
                c->fill_left -= sent;
                if (c->fill_left == 0)
                    c->state = FLUSHING;
                continue;
            }
            want(c, EPOLLIN);
            if (c->state != FLUSHING)
                return;
            if (!c->keep_alive) {
                close_connection(c);
                return;
            }
            c->state = READING;
            read_more(c);
            return;
        }
        ssize_t sent = send(c->watched.fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN)
                want(c, EPOLLIN | EPOLLOUT);
            else
                close_connection(c);
            return;
        }
        c->out_sent += sent;
    }
}

static void accept_all(int listener)
{
    for (;;) {
        struct sockaddr_in6 peer;
        socklen_t size = sizeof peer;
        int fd = accept4(listener, (void *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct connection *c = calloc(1, sizeof *c);
        if (!c)
            fail("out of memory");
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        format_address(&peer, c->peer, sizeof c->peer);
        c->watched = (struct watched){CONNECTION, fd};
        c->events = EPOLLIN;
        c->next = connections;
        if (connections)
            connections->previous = c;
        connections = c;
        watch(&c->watched, EPOLLIN);
    }
}

static void serve_connection(struct connection *c, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        close_connection(c);
        return;
    }
    if (c->state == READING) {
        read_more(c);
        return;
    }
    if (events & EPOLLIN) {
        /* While it is served a client only closes, or sends its next request, which can wait. */
        char byte;
        if (recv(c->watched.fd, &byte, 1, MSG_PEEK) == 0 && c->state != FLUSHING && c->state != FILLING) {
            close_connection(c);
            return;
        }
        want(c, c->events & ~EPOLLIN);
    }
    proceed(c);
}

/* --- stopping --- */

static void stop_listening(void)
{
    for (int i = 0; i < listener_count; i++) {
        /* Connections that the kernel has finished but nobody has accepted would be reset. */
        accept_all(listeners[i]->fd);
        close(listeners[i]->fd);
        listeners[i]->fd = -1;
    }
}

/* Handles deadlines; returns how many ms to sleep, -1 for ever. */
static int tick(long long drain_ms)
{
    long long now = now_ms(), next = -1;
    if (stop_accepting_at && !exit_at && now >= stop_accepting_at) {
        stop_listening();
        exit_at = now + drain_ms;
    }
    for (struct connection *c = connections, *following; c; c = following) {
        following = c->next;
        if (exit_at && c->state == READING && !c->got && !c->upload) {
            /* One that has just been accepted may have its request on the way: not yet idle. */
            if (!c->deadline)
                c->deadline = now + 200;
            if (now >= c->deadline) {
                close_connection(c);
                continue;
            }
        } else if (c->state == WAITING || c->state == STREAMING) {
            if (now >= c->deadline) {
                proceed(c);
                next = now; /* it may be gone; look again */
                continue;
            }
        } else {
            continue;
        }
        if (next < 0 || c->deadline < next)
            next = c->deadline;
    }
    if (exit_at && (!connections || now >= exit_at))
        exit(0);
    if (exit_at && (next < 0 || exit_at < next))
        next = exit_at;
    if (stop_accepting_at && !exit_at && (next < 0 || stop_accepting_at < next))
        next = stop_accepting_at;
    return next < 0 ? -1 : next > now ? (int)(next - now) : 0;
}

static int ask_health(const char *ports)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(ports)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[64] = "";
    const char request[] = "GET /health HTTP/1.0\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (void *)&address, sizeof address) || write(fd, request, sizeof request - 1) < 0 ||
        read(fd, answer, sizeof answer - 1) <= 0)
        return 1;
    return !strstr(answer, " 200 ");
}

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

int main(int argc, char **argv)
{
    const char *ports = setting("PORT", "80");
    if (argc > 1 && !strcmp(argv[1], "health"))
        return ask_health(ports);
    long long grace_ms = atoll(setting("GRACE_MS", "0")), drain_ms = atoll(setting("DRAIN_MS", "8000"));
    udp_pktinfo = strcmp(setting("UDP_REPLY", "pktinfo"), "plain") != 0;
    gethostname(hostname, sizeof hostname - 1);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    watched_socket(SIGNALS, signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
    serve_ports(ports);
    printf("%s serves %s\n", hostname, ports);
    fflush(stdout);

    for (;;) {
        /* One event at a time: handling one may free what another of the same batch points to. */
        struct epoll_event event;
        int sleep_ms = tick(drain_ms);
        if (epoll_wait(epoll_fd, &event, 1, sleep_ms) < 1)
            continue;
        struct watched *w = event.data.ptr;
        switch (w->kind) {
        case LISTENER: accept_all(w->fd); break;
        case DATAGRAMS: answer_datagrams(w->fd); break;
        case CONNECTION: serve_connection((struct connection *)w, event.events); break;
        case SIGNALS: {
            struct signalfd_siginfo info;
            if (read(w->fd, &info, sizeof info) > 0 && !stop_accepting_at)
                stop_accepting_at = now_ms() + grace_ms;
            break;
        }
        }
    }
}
