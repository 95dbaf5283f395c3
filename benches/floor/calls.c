/* What a technique of system calls buys: the echo of echo.c in several ways, with the same datagrams.
 *
 *     calls STREAMS sockets | sockets-batched | shared | shared-batched | ring | ring-batched
 *
 * - sockets: a UDP socket for each stream, one epoll, recvfrom and sendto for each datagram: echo.c.
 * - shared: one UDP socket for all streams, recvmmsg of what is there (at least one), one sendmmsg. A carrier's calls cannot
 *   share a port unless their packets can be told apart by sender or SSRC.
 * - ring: a UDP socket for each stream and one io_uring: a multishot recvmsg for each socket into provided buffers, all answers
 *   submitted with the wait for what comes next (Linux 6.1).
 *
 * Batched: the same, but what comes is taken once a millisecond, which costs half of one on average.
 * Prints the port of each stream; ends with its standard input. Exits with 3 where the kernel has or allows no io_uring. */
#include "floor.h"

#include <linux/io_uring.h>
#include <poll.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

enum { BATCH = 64, BUFFERS = 2048, ENTRIES = 4096, GROUP = 1, MILLISECOND = 1000000, FORBIDDEN = 3 };

static int is_batched;

/* Where batched, sleeps until the next millisecond. */
static void pause_for_batch(void)
{
    struct timespec now;
    if (!is_batched || clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return;
    now.tv_nsec = (now.tv_nsec / MILLISECOND + 1) * MILLISECOND;
    if (now.tv_nsec >= 1000 * MILLISECOND) {
        now.tv_nsec = 0;
        now.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL);
}

/* How long a wait may last: a batch is there or not. */
static int patience(void)
{
    return is_batched ? 0 : -1;
}

/* --- sockets: recvfrom and sendto --- */

static void by_sockets(size_t wanted)
{
    int epoll = begin();
    open_ports(epoll, wanted);
    for (;;) {
        struct epoll_event events[MOST_EVENTS];
        pause_for_batch();
        int ready = epoll_wait(epoll, events, MOST_EVENTS, patience());
        for (int place = 0; place < ready; place++) {
            if (events[place].data.u64 == END_OF_RUN)
                return;
            echo((int)events[place].data.u64);
        }
    }
}

/* --- shared: recvmmsg and sendmmsg --- */

static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static struct sockaddr_in senders[BATCH];
static uint8_t datagrams[BATCH][DATAGRAM];

/* Echoes what is there. */
static void echo_all(int udp)
{
    for (size_t place = 0; place < BATCH; place++) {
        parts[place] = (struct iovec){datagrams[place], DATAGRAM};
        messages[place].msg_hdr = (struct msghdr){.msg_name = &senders[place], .msg_namelen = sizeof senders[place],
                                                  .msg_iov = &parts[place], .msg_iovlen = 1};
    }
    int taken = recvmmsg(udp, messages, BATCH, MSG_WAITFORONE, NULL);
    for (int place = 0; place < taken; place++)
        parts[place].iov_len = messages[place].msg_len;
    for (int sent = 0; sent < taken;) {
        int more = sendmmsg(udp, messages + sent, (unsigned)(taken - sent), 0);
        if (more < 1)
            return;
        sent += more;
    }
}

/* The standard input is looked at once a second, so that waiting costs no call beside the recvmmsg. */
static int is_over(void)
{
    static time_t looked;
    time_t now = time(NULL);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (now == looked)
        return 0;
    looked = now;
    return poll(&input, 1, 0) > 0;
}

static void by_shared_socket(size_t wanted)
{
    int udp = open_port();
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname(udp, (struct sockaddr *)&address, &length) != 0)
        fail("getsockname");
    for (size_t stream = 1; stream < wanted; stream++)
        printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    /* Waits in recvmmsg for the first datagram, unless batched. */
    struct timeval wait = {.tv_sec = 1};
    if (!is_batched && (fcntl(udp, F_SETFL, 0) != 0 || setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0))
        fail("the socket cannot wait");
    while (!is_over()) {
        pause_for_batch();
        echo_all(udp);
    }
}

/* --- ring: io_uring, by its system calls --- */

struct ring {
    int descriptor;
    unsigned *submission_tail, submission_mask, submitted;
    unsigned *completion_head, *completion_tail, completion_mask;
    struct io_uring_sqe *entries;
    struct io_uring_cqe *completions;
    struct io_uring_buf_ring *free_buffers;
    uint16_t freed;
};

/* What is to be done with a completion: in the lower half of its datum; the upper half is a socket or a buffer. */
enum kind { RECEIVED, SENT, INPUT_ENDED };

/* An answer under way, in the buffer that its datagram came in. */
struct answer {
    struct msghdr message;
    struct iovec part;
};

static uint8_t buffers[BUFFERS][DATAGRAM];
static struct answer answers[BUFFERS];
/* Of every receive: room for the sender's address in front of the datagram. */
static struct msghdr receiving = {.msg_namelen = sizeof(struct sockaddr_in)};

static void *map(int descriptor, size_t size, off_t offset)
{
    int flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, descriptor, offset);
    if (place == MAP_FAILED)
        fail("mmap");
    return place;
}

static void open_ring(struct ring *ring)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                     .cq_entries = 4 * ENTRIES};
    ring->descriptor = (int)syscall(SYS_io_uring_setup, ENTRIES, &params);
    if (ring->descriptor < 0) {
        perror("io_uring");
        exit(FORBIDDEN);
    }
    uint8_t *submission = map(ring->descriptor, params.sq_off.array + params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
    uint8_t *completion = map(ring->descriptor, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    ring->entries = map(ring->descriptor, params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
    ring->submission_tail = (unsigned *)(void *)(submission + params.sq_off.tail);
    ring->submission_mask = *(unsigned *)(void *)(submission + params.sq_off.ring_mask);
    ring->completion_head = (unsigned *)(void *)(completion + params.cq_off.head);
    ring->completion_tail = (unsigned *)(void *)(completion + params.cq_off.tail);
    ring->completion_mask = *(unsigned *)(void *)(completion + params.cq_off.ring_mask);
    ring->completions = (struct io_uring_cqe *)(void *)(completion + params.cq_off.cqes);
    unsigned *order = (unsigned *)(void *)(submission + params.sq_off.array);
    for (unsigned place = 0; place < params.sq_entries; place++)
        order[place] = place;
}

/* The next entry to be submitted. There is always room: each buffer has one answer at most. */
static struct io_uring_sqe *entry(struct ring *ring, uint8_t operation, int descriptor, enum kind kind, uint32_t which)
{
    struct io_uring_sqe *entry = &ring->entries[*ring->submission_tail & ring->submission_mask];
    memset(entry, 0, sizeof *entry);
    entry->opcode = operation;
    entry->fd = descriptor;
    entry->user_data = (uint64_t)which << 32 | (uint32_t)kind;
    __atomic_store_n(ring->submission_tail, *ring->submission_tail + 1, __ATOMIC_RELEASE);
    ring->submitted++;
    return entry;
}

static void free_buffer(struct ring *ring, uint16_t which)
{
    struct io_uring_buf *place = &ring->free_buffers->bufs[ring->freed++ % BUFFERS];
    place->addr = (uint64_t)(uintptr_t)buffers[which];
    place->len = DATAGRAM;
    place->bid = which;
    __atomic_store_n(&ring->free_buffers->tail, ring->freed, __ATOMIC_RELEASE);
}

static void provide_buffers(struct ring *ring)
{
    ring->free_buffers = map(-1, BUFFERS * sizeof(struct io_uring_buf), 0);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)ring->free_buffers, .ring_entries = BUFFERS, .bgid = GROUP};
    if (syscall(SYS_io_uring_register, ring->descriptor, IORING_REGISTER_PBUF_RING, &registration, 1) != 0) {
        perror("io_uring buffers");
        exit(FORBIDDEN);
    }
    for (uint16_t which = 0; which < BUFFERS; which++)
        free_buffer(ring, which);
}

static void listen_on(struct ring *ring, int udp)
{
    struct io_uring_sqe *receive = entry(ring, IORING_OP_RECVMSG, udp, RECEIVED, (uint32_t)udp);
    receive->addr = (uint64_t)(uintptr_t)&receiving;
    receive->len = 1;
    receive->ioprio = IORING_RECV_MULTISHOT;
    receive->flags = IOSQE_BUFFER_SELECT;
    receive->buf_group = GROUP;
}

static void answer(struct ring *ring, int udp, uint16_t which)
{
    uint8_t *buffer = buffers[which];
    struct io_uring_recvmsg_out *came = (struct io_uring_recvmsg_out *)(void *)buffer;
    uint8_t *sender = buffer + sizeof *came;
    struct answer *answer = &answers[which];
    answer->part = (struct iovec){sender + receiving.msg_namelen, came->payloadlen};
    answer->message = (struct msghdr){.msg_name = sender, .msg_namelen = came->namelen, .msg_iov = &answer->part, .msg_iovlen = 1};
    struct io_uring_sqe *send = entry(ring, IORING_OP_SENDMSG, udp, SENT, which);
    send->addr = (uint64_t)(uintptr_t)&answer->message;
    send->len = 1;
}

static void complete(struct ring *ring, const struct io_uring_cqe *completion)
{
    uint32_t which = (uint32_t)(completion->user_data >> 32);
    if ((enum kind)(uint32_t)completion->user_data == SENT) {
        free_buffer(ring, (uint16_t)which);
        return;
    }
    if (completion->flags & IORING_CQE_F_BUFFER)
        answer(ring, (int)which, (uint16_t)(completion->flags >> IORING_CQE_BUFFER_SHIFT));
    if (!(completion->flags & IORING_CQE_F_MORE))
        listen_on(ring, (int)which);
}

/* Takes all completions; false at the end of the run. */
static int complete_all(struct ring *ring)
{
    unsigned head = *ring->completion_head;
    unsigned tail = __atomic_load_n(ring->completion_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++) {
        const struct io_uring_cqe *completion = &ring->completions[head & ring->completion_mask];
        if ((enum kind)(uint32_t)completion->user_data == INPUT_ENDED)
            return 0;
        complete(ring, completion);
    }
    __atomic_store_n(ring->completion_head, head, __ATOMIC_RELEASE);
    return 1;
}

/* Submits what is to be submitted and waits for so many completions; those that wait already count. */
static void submit(struct ring *ring, unsigned awaited)
{
    long done = syscall(SYS_io_uring_enter, ring->descriptor, ring->submitted, awaited, IORING_ENTER_GETEVENTS, NULL, 0);
    if (done < 0 && errno != EINTR)
        fail("io_uring_enter");
    ring->submitted -= done < 0 ? 0 : (unsigned)done;
}

static void by_ring(size_t wanted)
{
    struct ring ring = {0};
    open_ring(&ring);
    provide_buffers(&ring);
    close(begin());
    entry(&ring, IORING_OP_POLL_ADD, STDIN_FILENO, INPUT_ENDED, 0)->poll32_events = POLLIN;
    for (size_t stream = 0; stream < wanted && stream < ENTRIES / 2; stream++)
        listen_on(&ring, open_port());
    fflush(stdout);
    submit(&ring, 0);
    for (;;) {
        pause_for_batch();
        /* Unless batched: what is sent completes at once; beside that, one thing more is to come. */
        submit(&ring, is_batched ? 0 : ring.submitted + 1);
        if (!complete_all(&ring))
            return;
        if (is_batched && ring.submitted > 0)
            submit(&ring, 0);
    }
}

int main(int count, char **arguments)
{
    size_t wanted = streams(count, arguments);
    const char *way = count > 2 ? arguments[2] : "";
    is_batched = strstr(way, "-batched") != NULL;
    if (strncmp(way, "sockets", 7) == 0)
        by_sockets(wanted);
    else if (strncmp(way, "shared", 6) == 0)
        by_shared_socket(wanted);
    else if (strncmp(way, "ring", 4) == 0)
        by_ring(wanted);
    else {
        fputs("the second argument is sockets, shared or ring, or one of them with -batched\n", stderr);
        return 2;
    }
    return 0;
}
