/* The reference model by hand: what a careful programmer gets out of C for this one model and nothing else.
 *
 * Open loop, Poisson, RATE a second; circuit breaker (half of the last 100, 5 s, 5 probes) around retry (3 attempts, full
 * jitter on 100 ms doubling) around a timeout of 1 s; 10 workers behind a FIFO queue, exponential 100 ms, FAIL per cent
 * fail. Abandoned work goes on. Time is integer nanoseconds and luck is that of resim (kernel/luck.py), so that every
 * number must come out the same.
 *
 *     reference REQUESTS SEED RATE FAIL REPEAT      prints one JSON line; the best of REPEAT
 *
 * Compiled as it is, every timer goes through one binary heap. With -DLANES the time limits, which come due in the order
 * in which they are set, wait in a ring, and the next arrival in a variable.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

typedef int64_t i64;
typedef uint64_t u64;
typedef uint32_t u32;

enum { ARRIVAL = 1, SERVICE = 2, FAILURE = 3, JITTER = 256 };              /* purposes of luck */
enum { SUCCESS, ERROR, TIMED_OUT, TURNED_AWAY, OUTCOMES };
enum { ARRIVE, WORK_DONE, LIMIT, RETRY };                                  /* kinds of timers */
enum { CLOSED, OPEN, HALF_OPEN };

#define MS 1000000LL
#define S (1000 * MS)
#define WORKERS 10
#define ATTEMPTS 3
#define WINDOW 100
#define PROBES 5
#define NEVER INT64_MAX

static u64 luck_base;
static u64 scatter(u64 z) {
    z = (z ^ (z >> 33)) * 0xFF51AFD7ED558CCDULL;
    z = (z ^ (z >> 33)) * 0xC4CEB9FE1A85EC53ULL;
    return z ^ (z >> 33);
}
static double unit(u64 purpose, u64 rid, u64 attempt) {
    u64 z = luck_base + rid * 0x1A827999FCEF3243ULL + attempt * 0x0F1BBCDCBFA53E0BULL + purpose * 0x2953FD4E97C74DBDULL;
    return (scatter(z) >> 11) * 0x1p-53;
}

/* --- timers --- */
typedef struct { i64 time; u64 serial; u32 kind, id; } Timer;
static Timer *heap;
static u32 heap_size, heap_room;
static u64 serial;
static int before(const Timer *a, const Timer *b) {
    return a->time < b->time || (a->time == b->time && a->serial < b->serial);
}
static void set_timer(i64 time, u32 kind, u32 id) {
    if (heap_size == heap_room) heap = realloc(heap, (heap_room = heap_room ? 2 * heap_room : 1024) * sizeof *heap);
    Timer timer = {time, ++serial, kind, id};
    u32 i = heap_size++;
    for (u32 up; i && before(&timer, &heap[up = (i - 1) / 2]); i = up) heap[i] = heap[up];
    heap[i] = timer;
}
static Timer next_timer(void) {
    Timer first = heap[0], last = heap[--heap_size];
    u32 i = 0;
    for (u32 down = 1; down < heap_size; i = down, down = 2 * i + 1) {
        if (down + 1 < heap_size && before(&heap[down + 1], &heap[down])) down++;
        if (!before(&heap[down], &last)) break;
        heap[i] = heap[down];
    }
    heap[i] = last;
    return first;
}

/* --- calls and jobs: pools, addressed by index --- */
typedef struct { i64 arrived, generation; u32 rid, tries; } Call;
typedef struct { i64 duration; u32 call, holders; char fails, live; } Job;
static Call *calls;
static Job *jobs;
static u32 *free_calls, *free_jobs, calls_left, jobs_left, calls_room, jobs_room;
static u32 new_call(void) {
    if (!calls_left) {
        u32 old = calls_room;
        calls_room = old ? 2 * old : 256;
        calls = realloc(calls, calls_room * sizeof *calls);
        free_calls = realloc(free_calls, calls_room * sizeof *free_calls);
        for (u32 i = calls_room; i > old; i--) free_calls[calls_left++] = i - 1;
    }
    return free_calls[--calls_left];
}
static u32 new_job(void) {
    if (!jobs_left) {
        u32 old = jobs_room;
        jobs_room = old ? 2 * old : 256;
        jobs = realloc(jobs, jobs_room * sizeof *jobs);
        free_jobs = realloc(free_jobs, jobs_room * sizeof *free_jobs);
        for (u32 i = jobs_room; i > old; i--) free_jobs[jobs_left++] = i - 1;
    }
    return free_jobs[--jobs_left];
}
static void let_go(u32 job) { if (!--jobs[job].holders) free_jobs[jobs_left++] = job; }

/* --- rings that grow --- */
typedef struct { i64 time; u32 job; } Slot;
typedef struct { Slot *slots; u64 head, tail, room; } Ring;
static void put(Ring *ring, i64 time, u32 job) {
    if (ring->tail - ring->head == ring->room) {
        u64 room = ring->room ? 2 * ring->room : 1024, count = 0;
        Slot *slots = malloc(room * sizeof *slots);
        for (u64 i = ring->head; i != ring->tail; i++) slots[count++] = ring->slots[i & (ring->room - 1)];
        free(ring->slots);
        *ring = (Ring){slots, 0, count, room};
    }
    ring->slots[ring->tail++ & (ring->room - 1)] = (Slot){time, job};
}
static Slot *head(Ring *ring) { return ring->head == ring->tail ? NULL : &ring->slots[ring->head & (ring->room - 1)]; }

/* --- the model --- */
static i64 now, opened_at, generation, next_arrival, latency_sum, attempts, openings;
static double rate, failure_rate, area;
static u32 requests, arrived, open_calls, busy, samples;
static Ring queue;
#ifdef LANES
static Ring limits;
#endif
static int state, probing, probes_good, filled, place, failures;
static char window[WINDOW];
static u64 outcomes[OUTCOMES];
static i64 *latencies;

static void become(int next) {
    state = next; generation++; probing = probes_good = filled = place = failures = 0;
    if (next == OPEN) { opened_at = now; openings++; }
}
static int admits(void) {
    if (state == CLOSED) return 1;
    if (state == OPEN) {
        if (now - opened_at <= 5 * S) return 0;
        become(HALF_OPEN);
    }
    return probing < PROBES ? ++probing : 0;
}
static void learn(int failed) {
    if (state == HALF_OPEN) {
        probing--;
        if (failed) become(OPEN);
        else if (++probes_good >= PROBES) become(CLOSED);
        return;
    }
    if (filled == WINDOW) failures -= window[place]; else filled++;
    window[place] = failed; failures += failed;
    if (++place == WINDOW) place = 0;
    if (filled == WINDOW && failures >= 0.5 * WINDOW) become(OPEN);
}
static void done(u32 id, int outcome) {
    Call *call = &calls[id];
    if (call->generation == generation) learn(outcome != SUCCESS);
    outcomes[outcome]++;
    latency_sum += now - call->arrived;
    latencies[samples++] = now - call->arrived;
    open_calls--;
    free_calls[calls_left++] = id;
}
static void try_once(u32 id) {
    Call *call = &calls[id];
    u32 attempt = ++call->tries, rid = call->rid, job = new_job();
    attempts++;
    jobs[job] = (Job){0, id, 2, 0, 1};
#ifdef LANES
    put(&limits, now + S, job);
#else
    set_timer(now + S, LIMIT, job);
#endif
    jobs[job].duration = (i64)(0.5 - log(1.0 - unit(SERVICE, rid, attempt)) * (double)(100 * MS));
    jobs[job].fails = unit(FAILURE, rid, attempt) < failure_rate;
    if (busy < WORKERS) { busy++; set_timer(now + jobs[job].duration, WORK_DONE, job); }
    else put(&queue, now, job);
}
static void try_over(u32 job, int outcome) {
    u32 id = jobs[job].call;
    Call *call = &calls[id];
    jobs[job].live = 0;
    if (outcome == SUCCESS || call->tries >= ATTEMPTS) { done(id, outcome); return; }
    double jitter = unit(JITTER, call->rid, (u64)call->tries << 16 | call->tries);
    set_timer(now + (i64)((double)(100 * MS) * (double)(1 << (call->tries - 1)) * jitter + 0.5), RETRY, id);
}
static void time_arrival(void) {
    next_arrival = NEVER;
    if (arrived >= requests) return;
    area -= log(1.0 - unit(ARRIVAL, arrived, 0));
    next_arrival = (i64)(area / rate + 0.5);
#ifndef LANES
    set_timer(next_arrival, ARRIVE, 0);
#endif
}
static void arrive(void) {
    u32 rid = arrived++;
    time_arrival();
    if (!admits()) { outcomes[TURNED_AWAY]++; latencies[samples++] = 0; return; }
    u32 id = new_call();
    calls[id] = (Call){now, generation, rid, 0};
    open_calls++;
    try_once(id);
}
static void work_done(u32 job) {
    Slot *next = head(&queue);
    if (next) { queue.head++; set_timer(now + jobs[next->job].duration, WORK_DONE, next->job); }
    else busy--;
    if (jobs[job].live) try_over(job, jobs[job].fails ? ERROR : SUCCESS);
    let_go(job);
}
static void simulate(void) {
    time_arrival();
    while (arrived < requests || open_calls) {
#ifdef LANES
        Slot *limit;
        while ((limit = head(&limits)) && !jobs[limit->job].live) { let_go(limit->job); limits.head++; }
        i64 due = heap_size ? heap[0].time : NEVER, limited = limit ? limit->time : NEVER;
        if (next_arrival <= due && next_arrival <= limited) { now = next_arrival; arrive(); continue; }
        if (limited < due) { now = limited; limits.head++; try_over(limit->job, TIMED_OUT); let_go(limit->job); continue; }
#endif
        Timer timer = next_timer();
        now = timer.time;
        if (timer.kind == WORK_DONE) work_done(timer.id);
        else if (timer.kind == LIMIT) {
            if (jobs[timer.id].live) try_over(timer.id, TIMED_OUT);
            let_go(timer.id);
        }
        else if (timer.kind == RETRY) try_once(timer.id);
        else arrive();
    }
}

static int ascending(const void *a, const void *b) {
    i64 x = *(const i64 *)a, y = *(const i64 *)b;
    return (x > y) - (x < y);
}
static i64 percentile(double percent) { return latencies[(u64)ceil(percent * samples / 100 - 1e-9) - 1]; }
static double cpu(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int count, char **words) {
    if (count != 6) return 2;
    requests = atoi(words[1]);
    double whole = 1e9, loop = 1e9;
    i64 p50 = 0, p99 = 0;
    latencies = malloc(sizeof *latencies * (requests + 1));
    for (int repeat = atoi(words[5]); repeat; repeat--) {
        luck_base = scatter(strtoull(words[2], 0, 10) * 0x1443949FEB79A0B5ULL + 0x1A827999FCEF3243ULL);
        rate = atof(words[3]) * 1e-9; failure_rate = atof(words[4]);
        heap_size = arrived = open_calls = busy = samples = 0;
        now = latency_sum = attempts = openings = 0; area = 0.0; serial = 0; queue.head = queue.tail = 0;
        calls_left = jobs_left = 0;
        for (u32 i = calls_room; i; i--) free_calls[calls_left++] = i - 1;
        for (u32 i = jobs_room; i; i--) free_jobs[jobs_left++] = i - 1;
#ifdef LANES
        limits.head = limits.tail = 0;
#endif
        memset(outcomes, 0, sizeof outcomes);
        generation = 0; become(CLOSED);
        double begin = cpu();
        simulate();
        double simulated = cpu() - begin;
        qsort(latencies, samples, sizeof *latencies, ascending);
        p50 = percentile(50); p99 = percentile(99);
        double all = cpu() - begin;
        if (all < whole) whole = all;
        if (simulated < loop) loop = simulated;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"cpu\": %.6f, \"loop\": %.6f, \"peak\": %.1f, \"statistics\": {\"success\": %lu, \"error\": %lu, "
           "\"timeout\": %lu, \"breaker_open\": %lu, \"attempts\": %ld, \"openings\": %ld, \"mean\": %.17g, "
           "\"p50\": %.9f, \"p99\": %.9f}}\n",
           whole, loop, usage.ru_maxrss / 1024.0, outcomes[SUCCESS], outcomes[ERROR], outcomes[TIMED_OUT],
           outcomes[TURNED_AWAY], attempts, openings, (double)latency_sum / samples / 1e9, p50 / 1e9, p99 / 1e9);
    return 0;
}
