/*
 * watch-ipvs: when did a real server come, go, or change its weight? Runs in the lab's virtual machine,
 * whose clock all nodes share; looks at the IPVS of several network namespaces about every millisecond.
 *
 *   watch-ipvs NAME=NAMESPACE [NAME=NAMESPACE ...]
 *
 *   NAME       of the node, for the output
 *   NAMESPACE  path of a network namespace
 *
 * Prints a line for what is there at the start and for each change after it, until SIGTERM:
 *
 *   MICROSECONDS NAME MARK ADDRESS:PORT WEIGHT
 *
 * MICROSECONDS since 1970; WEIGHT -1: it is gone. A line "watching" follows the first round.
 *
 * It reads /proc/net/ip_vs (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_info_seq_show()): the same for
 * everybody's IPVS, and no program is started for it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PLACES = 16, MAX_SERVERS = 8192, PAUSE_US = 1000, EXIT_USAGE = 64 };

struct server {
    unsigned mark, address, port;
    int weight;
    unsigned round; /* when it was last seen */
};

struct place {
    const char *name;
    FILE *file;
    struct server *servers;
    int count;
};

static struct place places[MAX_PLACES];
static int place_count;
static unsigned round_number;

static void die(const char *what, const char *object)
{
    fprintf(stderr, "watch-ipvs: %s %s: %m\n", what, object);
    exit(1);
}

/* The open file stays that of the namespace in which it was opened. */
static void open_place(char *argument)
{
    char *path = strchr(argument, '=');
    if (!path || place_count == MAX_PLACES) {
        fprintf(stderr, "watch-ipvs: expected NAME=NAMESPACE, got %s; see the head of test/tools/watch-ipvs.c\n", argument);
        exit(EXIT_USAGE);
    }
    *path++ = 0;
    int namespace = open(path, O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET))
        die("cannot enter", path);
    close(namespace);
    struct place *p = &places[place_count++];
    *p = (struct place){.name = argument, .file = fopen("/proc/thread-self/net/ip_vs", "re"), .servers = calloc(MAX_SERVERS, sizeof(struct server))};
    if (!p->file)
        die("cannot read IPVS of", path);
}

static void tell(const struct place *p, const struct server *s, int weight)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    unsigned a = s->address;
    printf("%lld %s %u %u.%u.%u.%u:%u %d\n", t.tv_sec * 1000000LL + t.tv_nsec / 1000, p->name, s->mark, a >> 24, a >> 16 & 255,
           a >> 8 & 255, a & 255, s->port, weight);
    fflush(stdout);
}

static void seen(struct place *p, struct server found)
{
    for (int i = 0; i < p->count; i++) {
        struct server *s = &p->servers[i];
        if (s->mark != found.mark || s->address != found.address || s->port != found.port)
            continue;
        if (s->weight != found.weight)
            tell(p, s, found.weight);
        s->weight = found.weight;
        s->round = round_number;
        return;
    }
    if (p->count == MAX_SERVERS) {
        fprintf(stderr, "watch-ipvs: more than %d real servers on %s\n", MAX_SERVERS, p->name);
        exit(1);
    }
    p->servers[p->count++] = found;
    tell(p, &found, found.weight);
}

static void forget_unseen(struct place *p)
{
    for (int i = 0; i < p->count; i++)
        if (p->servers[i].round != round_number) {
            tell(p, &p->servers[i], -1);
            p->servers[i--] = p->servers[--p->count];
        }
}

static void look(struct place *p)
{
    char line[256];
    unsigned mark = 0;
    struct server s = {.round = round_number};
    rewind(p->file);
    while (fgets(line, sizeof line, p->file)) {
        if (sscanf(line, "FWM %x", &mark) == 1)
            continue;
        s.mark = mark;
        if (sscanf(line, " -> %x:%x %*s %d", &s.address, &s.port, &s.weight) == 3)
            seen(p, s);
    }
    forget_unseen(p);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        open_place(argv[i]);
    for (round_number = 1;; round_number++) {
        for (int i = 0; i < place_count; i++)
            look(&places[i]);
        if (round_number == 1) {
            printf("watching\n");
            fflush(stdout);
        }
        usleep(PAUSE_US);
    }
}
