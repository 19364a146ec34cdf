/*
 * watch-ipvs: when did a real server come, go, or change its weight? Runs in the lab's virtual machine,
 * whose clock all nodes share; looks at the IPVS of several network namespaces about every millisecond.
 *
 *   watch-ipvs ADDRESS NAME=NAMESPACE [NAME=NAMESPACE ...]
 *
 *   ADDRESS    of a real server: the virtual services (by mark) that have it at the start are watched
 *   NAME       of the node, for the output
 *   NAMESPACE  path of a network namespace
 *
 * Prints a line for what is there at the start and for each change after it, until SIGTERM:
 *
 *   MICROSECONDS NAME MARK ADDRESS:PORT WEIGHT
 *
 * MICROSECONDS since 1970; WEIGHT -1: it is gone. A line "watching" follows the first round.
 *
 * It asks by getsockopt(2) (do_ip_vs_get_ctl() of net/netfilter/ipvs/ip_vs_ctl.c): the same for everybody's
 * IPVS, one call for a service. Not /proc/net/ip_vs: where that takes more than one read(2), it leaves out
 * services as soon as other namespaces have some, too (ip_vs_info_seq_next() counts those, ip_vs_info_array()
 * does not).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ip_vs.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PLACES = 16, MAX_MARKS = 16, MAX_SERVICES = 4096, MAX_SERVERS = 1024, PAUSE_US = 1000, EXIT_USAGE = 64 };

struct server {
    unsigned mark, address, port;
    int weight;
    unsigned round; /* when it was last seen */
};

struct place {
    const char *name;
    int socket;
    unsigned marks[MAX_MARKS]; /* of the services that are watched */
    int mark_count;
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

static void usage(const char *got)
{
    fprintf(stderr, "watch-ipvs: expected ADDRESS NAME=NAMESPACE ..., got %s; see the head of test/tools/watch-ipvs.c\n", got);
    exit(EXIT_USAGE);
}

/* A socket stays in the namespace in which it was made. */
static void open_place(char *argument)
{
    char *path = strchr(argument, '=');
    if (!path || place_count == MAX_PLACES)
        usage(argument);
    *path++ = 0;
    int namespace = open(path, O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNET))
        die("cannot enter", path);
    close(namespace);
    struct place *p = &places[place_count++];
    *p = (struct place){.name = argument, .socket = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), .servers = calloc(MAX_SERVERS, sizeof(struct server))};
    if (p->socket < 0)
        die("no socket in", path);
}

/* The real servers of a service; the first whose address is 0 is the end. NULL: there is no such service (any more). */
static const struct ip_vs_dest_entry *servers_of(const struct place *p, unsigned mark)
{
    static struct {
        struct ip_vs_get_dests head;
        struct ip_vs_dest_entry entries[MAX_SERVERS + 1];
    } answer;
    socklen_t length = sizeof(struct ip_vs_get_dests) + MAX_SERVERS * sizeof(struct ip_vs_dest_entry);
    memset(&answer, 0, sizeof answer);
    answer.head.fwmark = mark;
    answer.head.num_dests = MAX_SERVERS;
    if (getsockopt(p->socket, IPPROTO_IP, IP_VS_SO_GET_DESTS, &answer, &length) == 0)
        return answer.head.entrytable;
    if (errno != ESRCH)
        die("cannot read IPVS of", p->name);
    return NULL;
}

/* The marks of all services that have a real server of this address. */
static void find(struct place *p, in_addr_t address)
{
    static struct {
        struct ip_vs_get_services head;
        struct ip_vs_service_entry entries[MAX_SERVICES];
    } answer;
    struct ip_vs_getinfo info;
    socklen_t length = sizeof info;
    if (getsockopt(p->socket, IPPROTO_IP, IP_VS_SO_GET_INFO, &info, &length))
        die("cannot read IPVS of", p->name);
    if (info.num_services > MAX_SERVICES) {
        fprintf(stderr, "watch-ipvs: more than %d services on %s\n", MAX_SERVICES, p->name);
        exit(1);
    }
    length = sizeof(struct ip_vs_get_services) + info.num_services * sizeof(struct ip_vs_service_entry);
    memset(&answer, 0, sizeof answer);
    answer.head.num_services = info.num_services;
    if (getsockopt(p->socket, IPPROTO_IP, IP_VS_SO_GET_SERVICES, &answer, &length))
        die("cannot read the services of", p->name);
    for (unsigned i = 0; i < info.num_services; i++) {
        unsigned mark = answer.head.entrytable[i].fwmark;
        const struct ip_vs_dest_entry *server = mark ? servers_of(p, mark) : NULL;
        for (; server && server->addr; server++)
            if (server->addr == address && p->mark_count < MAX_MARKS) {
                p->marks[p->mark_count++] = mark;
                break;
            }
    }
}

/* Waits for the real server where it is yet to come. */
static void choose(struct place *p, in_addr_t address)
{
    find(p, address);
    if (p->mark_count == 0)
        fprintf(stderr, "watch-ipvs: %s does not send to that real server yet\n", p->name);
    while (p->mark_count == 0) {
        usleep(PAUSE_US);
        find(p, address);
    }
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
    for (int i = 0; i < p->mark_count; i++) {
        const struct ip_vs_dest_entry *server = servers_of(p, p->marks[i]);
        for (; server && server->addr; server++)
            seen(p, (struct server){.mark = p->marks[i], .address = ntohl(server->addr), .port = ntohs(server->port), .weight = server->weight, .round = round_number});
    }
    forget_unseen(p);
}

int main(int argc, char **argv)
{
    struct in_addr address;
    if (argc < 3 || inet_pton(AF_INET, argv[1], &address) != 1)
        usage(argc < 2 ? "nothing" : argv[1]);
    for (int i = 2; i < argc; i++)
        open_place(argv[i]);
    for (int i = 0; i < place_count; i++)
        choose(&places[i], address.s_addr);
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
