/* The floor of an RTP echo: one UDP socket for each stream, epoll, every datagram sent back as it came.
 *
 *     echo STREAMS
 *
 * No RTP, no gate, no buffer, no pacing. Three system calls for a packet: epoll_wait (shared by those that wait together),
 * recvfrom, sendto. Prints the port of each stream; ends with its standard input. */
#include "floor.h"

int main(int count, char **arguments)
{
    size_t wanted = streams(count, arguments);
    int epoll = begin();
    open_ports(epoll, wanted);
    for (;;) {
        struct epoll_event events[MOST_EVENTS];
        int ready = epoll_wait(epoll, events, MOST_EVENTS, -1);
        for (int place = 0; place < ready; place++) {
            if (events[place].data.u64 == END_OF_RUN)
                return 0;
            echo((int)events[place].data.u64);
        }
    }
}
