/*
 * ask: one small request and its answer, for the lab's tests, which ask thousands of times: to start curl with its thirty
 * libraries takes an emulated machine a second.
 *
 *   ask [--times N] [--timeout S] http://ADDRESS:PORT/PATH
 *   ask [--times N] [--timeout S] udp://ADDRESS:PORT
 *   ask [--method M] [--timeout S] --socket FILE /PATH
 *
 * The bodies of the answers go to standard output; each request has a connection (or a socket) of its own. Exit codes
 * are those of curl: 7 nobody listens or there is no way, 22 an HTTP status of 400 or more (its body goes to standard
 * error), 28 no whole answer within the timeout (default 5 s), 52 no answer at all, 64 usage.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REFUSED = 7, STATUS = 22, TIMED_OUT = 28, EMPTY = 52, USAGE = 64, MAX_ANSWER = 64 << 20 };

static struct {
    const char *name, *path, *method;
    struct sockaddr_storage address;
    socklen_t length;
    int datagram;
} target = {.method = "GET", .path = "/"};
static double timeout = 5, deadline;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(int code, const char *problem)
{
    fprintf(stderr, "ask: %s: %s\n", target.name ? target.name : "usage", problem);
    exit(code);
}

/* Until the socket is ready for it, or the time is up. */
static void await(int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    double left = deadline - now();
    if (left <= 0 || poll(&ready, 1, (int)(left * 1000) + 1) == 0)
        die(TIMED_OUT, "no answer in time");
}

static int reach(void)
{
    int fd = socket(target.address.ss_family, (target.datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    socklen_t length = sizeof error;
    if (fd < 0)
        die(REFUSED, strerror(errno));
    if (connect(fd, (struct sockaddr *)&target.address, target.length) < 0) {
        if (errno != EINPROGRESS)
            die(REFUSED, strerror(errno));
        await(fd, POLLOUT);
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 || error)
            die(REFUSED, strerror(error));
    }
    return fd;
}

static void say(int fd, const char *text, size_t length)
{
    for (size_t said = 0; said < length;) {
        ssize_t count = send(fd, text + said, length - said, MSG_NOSIGNAL);
        if (count > 0)
            said += (size_t)count;
        else if (count < 0 && errno == EAGAIN)
            await(fd, POLLOUT);
        else if (count < 0 && errno != EINTR)
            die(REFUSED, strerror(errno));
    }
}

/* All until the other side closes, or one datagram; ends with a zero byte. */
static char *hear(int fd, size_t *length)
{
    size_t room = 1 << 16;
    char *answer = malloc(room);
    *length = 0;
    for (;;) {
        if (room - *length < 4096)
            answer = realloc(answer, room *= 2);
        if (!answer || room > MAX_ANSWER)
            die(EMPTY, "too long an answer");
        ssize_t count = recv(fd, answer + *length, room - *length - 1, 0);
        if (count > 0)
            *length += (size_t)count;
        if (count < 0 && errno == EAGAIN)
            await(fd, POLLIN);
        else if (count < 0 && errno != EINTR)
            die(*length ? EMPTY : REFUSED, strerror(errno));
        if (count == 0 || (count > 0 && target.datagram))
            break;
    }
    answer[*length] = 0;
    return answer;
}

static void ask_http(int fd)
{
    char request[4096];
    size_t length;
    /* Of 1.0: no answer in chunks, and the connection's end is the answer's. */
    int written = snprintf(request, sizeof request, "%s %s HTTP/1.0\r\nHost: ask\r\nConnection: close\r\n\r\n", target.method, target.path);
    if (written >= (int)sizeof request)
        die(USAGE, "too long a path");
    say(fd, request, (size_t)written);
    char *answer = hear(fd, &length), *body = strstr(answer, "\r\n\r\n");
    if (strncmp(answer, "HTTP/1.", 7) || !body)
        die(EMPTY, length ? "not an answer of HTTP/1" : "closed without an answer");
    body += 4;
    int status = atoi(answer + 9);
    fwrite(body, 1, length - (size_t)(body - answer), status < 400 ? stdout : stderr);
    if (status >= 400)
        die(STATUS, strndup(answer, strcspn(answer, "\r")));
    free(answer);
}

static void ask_datagram(int fd)
{
    size_t length;
    say(fd, "hello", 5);
    char *answer = hear(fd, &length);
    fwrite(answer, 1, length, stdout);
    if (length == 0 || answer[length - 1] != '\n')
        putchar('\n');
    free(answer);
}

static void read_url(const char *url)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&target.address;
    char host[64];
    int port, end = 0;
    target.datagram = !strncmp(url, "udp://", 6);
    if (strncmp(url, "http://", 7) && !target.datagram)
        die(USAGE, "expected http://, udp:// or --socket");
    if (sscanf(strstr(url, "//") + 2, "%63[0-9.]:%d%n", host, &port, &end) != 2 || inet_pton(AF_INET, host, &address->sin_addr) != 1)
        die(USAGE, "expected ADDRESS:PORT");
    address->sin_family = AF_INET;
    address->sin_port = htons((unsigned short)port);
    target.length = sizeof *address;
    const char *path = strstr(url, "//") + 2 + end;
    if (*path)
        target.path = path;
}

static void read_socket(const char *file)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&target.address;
    if (strlen(file) >= sizeof address->sun_path)
        die(USAGE, "too long a name of a socket");
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, file);
    target.length = sizeof *address;
}

int main(int argc, char **argv)
{
    const char *socket_file = NULL, *what = NULL;
    int times = 1;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            what = argv[i];
            continue;
        }
        const char *flag = argv[i], *value = argv[++i];
        if (!value)
            die(USAGE, "expected a value after the flag");
        if (!strcmp(flag, "--times"))
            times = atoi(value);
        else if (!strcmp(flag, "--timeout"))
            timeout = atof(value);
        else if (!strcmp(flag, "--method"))
            target.method = value;
        else if (!strcmp(flag, "--socket"))
            socket_file = value;
        else
            die(USAGE, "unknown flag; see the head of test/tools/ask.c");
    }
    if (!what)
        die(USAGE, "what is to be asked? See the head of test/tools/ask.c");
    target.name = what;
    if (socket_file) {
        read_socket(socket_file);
        target.path = what;
    } else {
        read_url(what);
    }
    for (int i = 0; i < times; i++) {
        deadline = now() + timeout;
        int fd = reach();
        if (target.datagram)
            ask_datagram(fd);
        else
            ask_http(fd);
        close(fd);
    }
    return fflush(stdout) ? 1 : 0;
}
