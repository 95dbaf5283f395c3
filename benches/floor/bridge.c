/* The floor of a bridge between RTP and a bot's WebSocket: what no bridge can leave out, and nothing else.
 *
 *     bridge STREAMS BOT_PORT [binary]
 *
 * For each stream one UDP socket and one TCP connection to the bot on the loopback, upgraded to a WebSocket (RFC 6455),
 * with the messages `connected` and `start` of Twilio Media Streams. Then, in one thread with one epoll:
 *
 * - a datagram: the payload behind a 12-byte RTP header becomes base64 in a `media` message of JSON with its counters, in
 *   one masked text frame, written at once (epoll_wait, recvfrom, send);
 * - bytes from the bot: whole frames are cut off, the payload is looked for by its name, decoded, given an RTP header and
 *   sent to where the caller's last datagram came from, at once (epoll_wait, recv, sendto).
 *
 * No gate, voice activity, tone detection, jitter buffer, pacing, statistics or RTCP; JSON is written by a format and read
 * by a search. With `binary` the payload travels as it is in a binary frame. Prints the port of each stream; ends with its
 * standard input. */
#include "floor.h"

enum { ROOM = 16384, MESSAGE = 1024, TEXT_FRAME = 0x81, BINARY_FRAME = 0x82 };

struct stream {
    int udp, tcp;
    struct sockaddr_in caller;
    uint32_t in, out; /* packets each way */
    size_t held;      /* bytes of `inbox` */
    uint8_t inbox[ROOM];
};

static int is_binary;

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t VALUES[256];

static void fill_values(void)
{
    memset(VALUES, 0xFF, sizeof VALUES);
    for (int place = 0; place < 64; place++)
        VALUES[(uint8_t)ALPHABET[place]] = (uint8_t)place;
}

/* Base64 with padding (RFC 4648); returns the length of the text. */
static size_t to_base64(const uint8_t *bytes, size_t length, char *text)
{
    char *end = text;
    for (size_t at = 0; at < length; at += 3) {
        size_t left = length - at;
        uint32_t word = (uint32_t)bytes[at] << 16 | (left > 1 ? (uint32_t)bytes[at + 1] << 8 : 0) | (left > 2 ? bytes[at + 2] : 0);
        *end++ = ALPHABET[word >> 18];
        *end++ = ALPHABET[word >> 12 & 63];
        *end++ = left > 1 ? ALPHABET[word >> 6 & 63] : '=';
        *end++ = left > 2 ? ALPHABET[word & 63] : '=';
    }
    return (size_t)(end - text);
}

/* The bytes of base64 up to the first character that is none; at most `room`. */
static size_t from_base64(const uint8_t *text, size_t length, uint8_t *bytes, size_t room)
{
    uint32_t word = 0;
    size_t made = 0, bits = 0;
    for (size_t at = 0; at < length && VALUES[text[at]] != 0xFF && made < room; at++) {
        word = word << 6 | VALUES[text[at]];
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[made++] = (uint8_t)(word >> bits);
        }
    }
    return made;
}

/* One masked frame (RFC 6455 §5.3: a client masks, with a fresh key). */
static void send_frame(struct stream *stream, uint8_t kind, const uint8_t *payload, size_t length)
{
    static uint32_t state = 0x2545F491;
    uint8_t frame[MESSAGE + 8];
    size_t head = 2;
    frame[0] = kind;
    if (length < 126) {
        frame[1] = (uint8_t)(0x80 | length);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(length >> 8);
        frame[3] = (uint8_t)length;
        head = 4;
    }
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    uint8_t key[4];
    memcpy(key, &state, sizeof key);
    memcpy(frame + head, key, sizeof key);
    head += sizeof key;
    for (size_t at = 0; at < length; at++)
        frame[head + at] = payload[at] ^ key[at & 3];
    if (send(stream->tcp, frame, head + length, MSG_NOSIGNAL) != (ssize_t)(head + length))
        fail("the bot does not take what is sent");
}

static void send_text(struct stream *stream, const char *text, int length)
{
    send_frame(stream, TEXT_FRAME, (const uint8_t *)text, (size_t)length);
}

static void from_caller(struct stream *stream, size_t number)
{
    uint8_t bytes[DATAGRAM];
    socklen_t size = sizeof stream->caller;
    ssize_t length = recvfrom(stream->udp, bytes, sizeof bytes, 0, (struct sockaddr *)&stream->caller, &size);
    if (length < RTP_HEADER || length > RTP_HEADER + 2 * FRAME_BYTES || bytes[0] >> 6 != 2)
        return;
    const uint8_t *payload = bytes + RTP_HEADER;
    size_t taken = (size_t)length - RTP_HEADER;
    stream->in++;
    if (is_binary) {
        send_frame(stream, BINARY_FRAME, payload, taken);
        return;
    }
    char text[MESSAGE];
    int made = snprintf(text, sizeof text,
                        "{\"event\":\"media\",\"sequenceNumber\":\"%u\",\"streamSid\":\"MZ%032zx\",\"media\":{\"track\":\"inbound\","
                        "\"chunk\":\"%u\",\"timestamp\":\"%u\",\"payload\":\"",
                        stream->in + 1, number, stream->in, (stream->in - 1) * 20);
    made += (int)to_base64(payload, taken, text + made);
    memcpy(text + made, "\"}}", 3);
    send_text(stream, text, made + 3);
}

static void to_caller(struct stream *stream, const uint8_t *payload, size_t length)
{
    uint8_t packet[RTP_HEADER + DATAGRAM] = {0x80, 0};
    uint16_t sequence = htons((uint16_t)stream->out);
    uint32_t timestamp = htonl(stream->out * FRAME_BYTES), source = htonl(0x55550000U + (uint32_t)stream->udp);
    memcpy(packet + 2, &sequence, 2);
    memcpy(packet + 4, &timestamp, 4);
    memcpy(packet + 8, &source, 4);
    size_t made = length;
    if (is_binary)
        memcpy(packet + RTP_HEADER, payload, length);
    else
        made = from_base64(payload, length, packet + RTP_HEADER, DATAGRAM);
    stream->out++;
    if (stream->caller.sin_port != 0)
        sendto(stream->udp, packet, RTP_HEADER + made, 0, (struct sockaddr *)&stream->caller, sizeof stream->caller);
}

static void handle(struct stream *stream, const uint8_t *payload, size_t length)
{
    static const char NAME[] = "\"payload\":\"";
    if (is_binary) {
        to_caller(stream, payload, length < DATAGRAM ? length : DATAGRAM);
        return;
    }
    const uint8_t *found = memmem(payload, length, NAME, sizeof NAME - 1);
    if (found) {
        found += sizeof NAME - 1;
        to_caller(stream, found, (size_t)(payload + length - found));
    }
}

/* Cuts whole frames off what has come; a server does not mask. */
static void from_bot(struct stream *stream)
{
    ssize_t length = recv(stream->tcp, stream->inbox + stream->held, ROOM - stream->held, 0);
    if (length <= 0)
        fail("the bot has gone");
    stream->held += (size_t)length;
    size_t used = 0;
    while (stream->held - used >= 2) {
        const uint8_t *frame = stream->inbox + used;
        size_t payload = frame[1] & 0x7F, head = 2;
        if (payload == 126) {
            if (stream->held - used < 4)
                break;
            payload = (size_t)frame[2] << 8 | frame[3];
            head = 4;
        }
        if (stream->held - used < head + payload)
            break;
        if (frame[0] == TEXT_FRAME || frame[0] == BINARY_FRAME)
            handle(stream, frame + head, payload);
        used += head + payload;
    }
    stream->held -= used;
    memmove(stream->inbox, stream->inbox + used, stream->held);
}

/* Connects and upgrades; the key is that of RFC 6455 §1.3, and the answer is taken on trust. */
static void join(struct stream *stream, size_t number, uint16_t port)
{
    struct sockaddr_in bot = loopback(port);
    int on = 1;
    stream->tcp = socket(AF_INET, SOCK_STREAM, 0);
    if (stream->tcp < 0 || connect(stream->tcp, (struct sockaddr *)&bot, sizeof bot) != 0)
        fail("connect");
    setsockopt(stream->tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    dprintf(stream->tcp,
            "GET /stream HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            port);
    char answer[MESSAGE] = {0};
    for (size_t held = 0; !strstr(answer, "\r\n\r\n");) {
        ssize_t length = recv(stream->tcp, answer + held, 1, 0);
        if (length != 1 || ++held == sizeof answer - 1)
            fail("no upgrade");
    }
    char text[MESSAGE];
    send_text(stream, text, snprintf(text, sizeof text, "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}"));
    send_text(stream, text,
              snprintf(text, sizeof text,
                       "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"streamSid\":\"MZ%032zx\",\"start\":{\"tracks\":[\"inbound\"],"
                       "\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":8000,\"channels\":1}}}",
                       number));
}

int main(int count, char **arguments)
{
    size_t wanted = streams(count, arguments);
    long port = count > 2 ? strtol(arguments[2], NULL, 10) : 0;
    is_binary = count > 3 && strcmp(arguments[3], "binary") == 0;
    if (port < 1 || port > 65535) {
        fputs("the second argument is the bot's port\n", stderr);
        return 2;
    }
    fill_values();
    int epoll = begin();
    struct stream *all = calloc(wanted, sizeof *all);
    if (!all)
        fail("calloc");
    for (size_t number = 0; number < wanted; number++) {
        all[number].udp = open_port();
        join(&all[number], number, (uint16_t)port);
        watch(epoll, all[number].udp, 2 * number);
        watch(epoll, all[number].tcp, 2 * number + 1);
    }
    fflush(stdout);
    for (;;) {
        struct epoll_event events[MOST_EVENTS];
        int ready = epoll_wait(epoll, events, MOST_EVENTS, -1);
        for (int place = 0; place < ready; place++) {
            uint64_t datum = events[place].data.u64;
            if (datum == END_OF_RUN)
                return 0;
            if (datum % 2 == 0)
                from_caller(&all[datum / 2], datum / 2);
            else
                from_bot(&all[datum / 2]);
        }
    }
}
