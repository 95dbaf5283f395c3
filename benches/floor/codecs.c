/* The libraries' own cost of a frame, called from C, to be counted in instructions.
 *
 *     codecs ITEM [RATE [RATE]] PASSES FILE
 *
 * Works through the 16-bit mono samples of FILE (at the item's input rate) in frames of 20 ms, PASSES times. What an item
 * needs first, such as packets to decode, is made before, so the difference of two runs with more and fewer passes is
 * the item alone. Items, as examples/codecs.rs names them:
 *
 *     opus-encode RATE | opus-decode RATE     libopus, with the gateway's settings (24 kbit/s, complexity 5, FEC at 5 %)
 *     soxr-mq FROM TO                         libsoxr, its medium quality of 16 bits
 *     soxr-same FROM TO                       libsoxr with the band edges of our own converter
 *     speex-3 FROM TO                         libspeexdsp, quality 3: a filter of 48 taps, as ours
 *     pcmu-encode | pcmu-decode               spandsp
 *     g722-encode | g722-decode               spandsp
 */
#include <opus/opus.h>
#include <soxr.h>
#include <spandsp.h>
#include <speex/speex_resampler.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_A_SECOND = 50, MOST_SAMPLES = 960, MOST_BYTES = 1276 };

static int16_t *samples;
static size_t frames;
/* Takes the results, so that no work can be left out. */
static volatile uint32_t sink;

static void fail(const char *what)
{
    fprintf(stderr, "codecs: %s\n", what);
    exit(1);
}

static void load(const char *path, size_t frame)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        fail("cannot read the file");
    long bytes = ftell(file);
    rewind(file);
    samples = malloc((size_t)bytes);
    if (bytes < 2 || !samples || fread(samples, 1, (size_t)bytes, file) != (size_t)bytes)
        fail("cannot read the file");
    fclose(file);
    frames = (size_t)bytes / sizeof *samples / frame;
}

static OpusEncoder *opus_encoder(int rate)
{
    int error;
    OpusEncoder *encoder = opus_encoder_create(rate, 1, OPUS_APPLICATION_VOIP, &error);
    if (error != OPUS_OK)
        fail("opus");
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(24000));
    opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(5));
    opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(1));
    opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(5));
    opus_encoder_ctl(encoder, OPUS_SET_DTX(0));
    return encoder;
}

static void opus_encoding(int rate, long passes)
{
    int frame = rate / FRAMES_A_SECOND;
    uint8_t packet[MOST_BYTES];
    OpusEncoder *encoder = opus_encoder(rate);
    while (passes-- > 0)
        for (size_t at = 0; at < frames; at++)
            sink += (uint32_t)opus_encode(encoder, samples + at * (size_t)frame, frame, packet, sizeof packet);
}

static void opus_decoding(int rate, long passes)
{
    int frame = rate / FRAMES_A_SECOND, error;
    int16_t out[MOST_SAMPLES];
    uint8_t(*packets)[MOST_BYTES] = malloc(frames * sizeof *packets);
    int32_t *lengths = malloc(frames * sizeof *lengths);
    OpusEncoder *encoder = opus_encoder(rate);
    OpusDecoder *decoder = opus_decoder_create(rate, 1, &error);
    if (!packets || !lengths || error != OPUS_OK)
        fail("opus");
    for (size_t at = 0; at < frames; at++)
        lengths[at] = opus_encode(encoder, samples + at * (size_t)frame, frame, packets[at], MOST_BYTES);
    while (passes-- > 0)
        for (size_t at = 0; at < frames; at++)
            sink += (uint32_t)opus_decode(decoder, packets[at], lengths[at], out, frame, 0);
}

static void soxr_converting(int from, int to, int is_same, long passes)
{
    int16_t out[2 * MOST_SAMPLES];
    soxr_error_t error;
    soxr_io_spec_t io = soxr_io_spec(SOXR_INT16_I, SOXR_INT16_I);
    soxr_quality_spec_t quality = soxr_quality_spec(SOXR_MQ, 0);
    if (is_same) {
        quality.passband_end = 0.85;
        quality.stopband_begin = 1.15;
    }
    soxr_t state = soxr_create(from, to, 1, &error, &io, &quality, NULL);
    if (error)
        fail(error);
    size_t frame = (size_t)from / FRAMES_A_SECOND, made;
    while (passes-- > 0)
        for (size_t at = 0; at < frames; at++) {
            soxr_process(state, samples + at * frame, frame, NULL, out, sizeof out / sizeof *out, &made);
            sink += (uint32_t)made;
        }
}

static void speex_converting(int from, int to, long passes)
{
    int16_t out[2 * MOST_SAMPLES];
    int error;
    SpeexResamplerState *state = speex_resampler_init(1, (uint32_t)from, (uint32_t)to, 3, &error);
    if (error)
        fail("speexdsp");
    size_t frame = (size_t)from / FRAMES_A_SECOND;
    while (passes-- > 0)
        for (size_t at = 0; at < frames; at++) {
            uint32_t taken = (uint32_t)frame, made = sizeof out / sizeof *out;
            speex_resampler_process_int(state, 0, samples + at * frame, &taken, out, &made);
            sink += made;
        }
}

/* G.711 and G.722 of spandsp, each way. */
static void spandsp(const char *item, long passes)
{
    int is_decoding = strstr(item, "decode") != NULL, is_g722 = strncmp(item, "g722", 4) == 0;
    int frame = is_g722 ? 320 : 160;
    g711_state_t *narrow = g711_init(NULL, strncmp(item, "pcma", 4) == 0 ? G711_ALAW : G711_ULAW);
    g722_encode_state_t *encoder = g722_encode_init(NULL, 64000, 0);
    g722_decode_state_t *decoder = g722_decode_init(NULL, 64000, 0);
    uint8_t *coded = malloc(frames * 160);
    int16_t out[320];
    if (!coded)
        fail("no memory");
    for (long pass = is_decoding ? -1 : 0; pass < passes; pass++)
        for (size_t at = 0; at < frames; at++) {
            int16_t *in = samples + at * (size_t)frame;
            uint8_t *place = coded + at * 160;
            int length;
            if (is_decoding && pass >= 0)
                length = is_g722 ? g722_decode(decoder, out, place, 160) : g711_decode(narrow, out, place, 160);
            else
                length = is_g722 ? g722_encode(encoder, place, in, frame) : g711_encode(narrow, place, in, frame);
            sink += (uint32_t)length;
        }
}

int main(int count, char **arguments)
{
    if (count < 4)
        fail("ITEM [RATE [RATE]] PASSES FILE");
    const char *item = arguments[1];
    int from = count > 4 ? atoi(arguments[2]) : strncmp(item, "g722", 4) == 0 ? 16000 : 8000;
    int to = count > 5 ? atoi(arguments[3]) : from;
    long passes = strtol(arguments[count - 2], NULL, 10);
    load(arguments[count - 1], (size_t)from / FRAMES_A_SECOND);
    if (strcmp(item, "opus-encode") == 0)
        opus_encoding(from, passes);
    else if (strcmp(item, "opus-decode") == 0)
        opus_decoding(from, passes);
    else if (strncmp(item, "soxr-", 5) == 0)
        soxr_converting(from, to, strcmp(item, "soxr-same") == 0, passes);
    else if (strcmp(item, "speex-3") == 0)
        speex_converting(from, to, passes);
    else if (strncmp(item, "pcm", 3) == 0 || strncmp(item, "g722-", 5) == 0)
        spandsp(item, passes);
    else
        fail("no such item");
    return 0;
}
