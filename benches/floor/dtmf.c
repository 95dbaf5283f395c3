/* spandsp's receiver of DTMF, on the audio that examples/bench makes.
 *
 *     dtmf hear silence|fillin     hears trials on the standard input, and tells the keys of each on the standard output
 *     dtmf cost PASSES FILE        works through the 16-bit samples of FILE at 8 kHz, PASSES times
 *     dtmf time PASSES FILE        the same, and prints the nanoseconds of a frame of 20 ms
 *
 * A trial is a 32-bit number of frames, and for each a byte that is 1 where the frame was lost, and 160 samples; all in this
 * machine's order. The answer is a line with KEY@SAMPLES for each key: how much had been heard when it was told. What was lost is
 * passed over as spandsp offers it (dtmf_rx_fillin), or silence in its place.
 */
#define _POSIX_C_SOURCE 200809L
#include <spandsp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FRAME = 160, LOOK = 16 };

static uint32_t heard;
/* Takes the results, so that no work can be left out. */
static volatile uint32_t sink;

static void fail(const char *what)
{
    fprintf(stderr, "dtmf: %s\n", what);
    exit(1);
}

static void tell(void *user_data, int code, int level, int delay)
{
    (void)user_data, (void)level, (void)delay;
    if (code != 0)
        printf("%c@%u ", code, heard);
}

static void count(void *user_data, int code, int level, int delay)
{
    (void)user_data, (void)level, (void)delay;
    sink += (uint32_t)code;
}

/* One trial; 0 at the end of the input. */
static int hear(int is_fillin)
{
    uint32_t frames;
    int16_t samples[FRAME];
    if (fread(&frames, sizeof frames, 1, stdin) != 1)
        return 0;
    dtmf_rx_state_t *state = dtmf_rx_init(NULL, NULL, NULL);
    if (!state)
        fail("no memory");
    dtmf_rx_set_realtime_callback(state, tell, NULL);
    for (heard = 0; frames > 0; frames--) {
        int is_lost = getchar();
        if (is_lost == EOF || fread(samples, sizeof *samples, FRAME, stdin) != FRAME)
            fail("a trial is cut short");
        if (is_lost)
            memset(samples, 0, sizeof samples);
        for (int at = 0; at < FRAME; at += LOOK) {
            heard += LOOK;
            if (is_lost && is_fillin)
                dtmf_rx_fillin(state, LOOK);
            else
                dtmf_rx(state, samples + at, LOOK);
        }
    }
    dtmf_rx_free(state);
    printf("\n");
    fflush(stdout);
    return 1;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void work(long passes, const char *path, int is_timed)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        fail("cannot read the file");
    long bytes = ftell(file);
    rewind(file);
    int16_t *samples = malloc((size_t)bytes);
    if (bytes < FRAME * 2 || !samples || fread(samples, 1, (size_t)bytes, file) != (size_t)bytes)
        fail("cannot read the file");
    fclose(file);
    size_t frames = (size_t)bytes / sizeof *samples / FRAME;
    dtmf_rx_state_t *state = dtmf_rx_init(NULL, NULL, NULL);
    if (!state)
        fail("no memory");
    dtmf_rx_set_realtime_callback(state, count, NULL);
    double began = now();
    for (long pass = 0; pass < passes; pass++)
        for (size_t frame = 0; frame < frames; frame++)
            sink += (uint32_t)dtmf_rx(state, samples + frame * FRAME, FRAME);
    if (is_timed)
        printf("%.1f\n", (now() - began) / (double)passes / (double)frames);
}

int main(int number, char **arguments)
{
    const char *way = number > 1 ? arguments[1] : "";
    if (number == 3 && strcmp(way, "hear") == 0)
        while (hear(strcmp(arguments[2], "fillin") == 0))
            ;
    else if (number == 4 && (strcmp(way, "cost") == 0 || strcmp(way, "time") == 0))
        work(strtol(arguments[2], NULL, 10), arguments[3], strcmp(way, "time") == 0);
    else
        fail("hear silence|fillin, cost PASSES FILE, or time PASSES FILE");
    return 0;
}
