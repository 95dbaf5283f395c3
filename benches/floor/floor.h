/* What the floor programs share: sockets, the end of the run, and how they fail. */
#ifndef FLOOR_H
#define FLOOR_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_EVENTS = 256, RTP_HEADER = 12, FRAME_BYTES = 160, DATAGRAM = 2048 };

/* The epoll datum of the standard input, whose end is the end of the run. */
#define END_OF_RUN UINT64_MAX

static inline void fail(const char *what)
{
    perror(what);
    exit(1);
}

static inline struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* A UDP socket on a free port of the loopback; prints the port, one a line. */
static inline int open_port(void)
{
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (udp < 0 || bind(udp, (struct sockaddr *)&address, length) != 0)
        fail("udp");
    if (getsockname(udp, (struct sockaddr *)&address, &length) != 0)
        fail("getsockname");
    printf("%u\n", ntohs(address.sin_port));
    return udp;
}

static inline void watch(int epoll, int descriptor, uint64_t datum)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = datum};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) != 0)
        fail("epoll_ctl");
}

/* An epoll that also watches the standard input, and room for the sockets. */
static inline int begin(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int epoll = epoll_create1(0);
    if (epoll < 0)
        fail("epoll_create1");
    watch(epoll, STDIN_FILENO, END_OF_RUN);
    return epoll;
}

/* A port for each stream, each watched under its descriptor. */
static inline void open_ports(int epoll, size_t wanted)
{
    for (size_t stream = 0; stream < wanted; stream++) {
        int udp = open_port();
        watch(epoll, udp, (uint64_t)udp);
    }
    fflush(stdout);
}

/* Sends a datagram back as it came. */
static inline void echo(int udp)
{
    uint8_t bytes[DATAGRAM];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(udp, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
    if (length > 0)
        sendto(udp, bytes, (size_t)length, 0, (struct sockaddr *)&from, size);
}

/* The first argument: how many streams. */
static inline size_t streams(int count, char **arguments)
{
    long wanted = count > 1 ? strtol(arguments[1], NULL, 10) : 0;
    if (wanted < 1 || wanted > 10000) {
        fputs("the first argument is a number of streams, 1 to 10000\n", stderr);
        exit(2);
    }
    return (size_t)wanted;
}

#endif
