/* replay.c - a schedule as a string of letters: "w1-…".
 *
 * What the string holds, as numbers of seven bits a byte, lowest first: flags, seed, limit of
 * steps, the sites that were points (each as the distance from the one before), the deviations, the
 * words of the command; then four bytes by which damage is seen. All that in base 64 with '-' and
 * '_', so that no shell and no mail program changes it.
 *
 * The sites belong to it because a deviation counts arrivals at points: with other points the same
 * deviation would mean another moment.
 *
 * Rejected: a file. A string can stand in a report, a bug tracker and a test.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/alloc.h"
#include "check/search.h"
#include "weft/err.h"

#define REPLAY_PREFIX    "w1-"
#define REPLAY_KEPT      (WEFT__PLAN_ALL_POINTS | WEFT__PLAN_EARLY_TIMERS | \
                          WEFT__PLAN_NO_RACES | WEFT__PLAN_DELAYS)
#define REPLAY_NUMBER_MAX 10     /* bytes of a number of 64 bits */
#define REPLAY_WORDS_MAX 4096    /* of a command */
#define REPLAY_BYTES_MAX (1 << 20)
#define REPLAY_SUM_SIZE  4

static const char replay_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct replay_bytes {
    uint8_t *at;
    size_t n, room;
    bool bad; /* no room to write; nothing left to read */
};

static uint32_t replay_sum(const uint8_t *bytes, size_t n)
{
    uint32_t sum = UINT32_C(2166136261);
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ bytes[i]) * UINT32_C(16777619);
    return sum;
}

/* ---- writing ---- */

static void replay_put(struct replay_bytes *to, uint64_t number)
{
    uint8_t piece[REPLAY_NUMBER_MAX];
    size_t n = 0;
    do {
        piece[n] = (uint8_t)(number & 127);
        number >>= 7;
        if (number)
            piece[n] |= 128;
        n++;
    } while (number);
    to->bad |= to->n + n > to->room;
    if (!to->bad) {
        memcpy(to->at + to->n, piece, n);
        to->n += n;
    }
}

/* Small differences are small numbers, whatever their sign. */
static void replay_put_step(struct replay_bytes *to, uint32_t now, uint32_t before)
{
    int64_t step = (int64_t)now - (int64_t)before;
    replay_put(to, step < 0 ? ((uint64_t)-step << 1) - 1 : (uint64_t)step << 1);
}

static void replay_put_plan(struct replay_bytes *to, const struct weft__plan *plan)
{
    uint32_t site = 0;
    replay_put(to, plan->flags & REPLAY_KEPT);
    replay_put(to, plan->seed);
    replay_put(to, plan->steps_max);
    replay_put(to, plan->n_hot);
    for (uint32_t i = 0; i < plan->n_hot; i++) {
        replay_put_step(to, plan->hot[i], site);
        site = plan->hot[i];
    }
    replay_put(to, plan->n_deviations);
    for (uint32_t i = 0; i < plan->n_deviations; i++) {
        const struct weft__deviation *one = &plan->deviations[i];
        replay_put(to, one->strand);
        replay_put(to, one->kind);
        replay_put(to, one->index);
        replay_put_step(to, one->site, site);
        replay_put(to, one->nth);
        replay_put(to, one->pick);
        site = one->site;
    }
}

static void replay_put_command(struct replay_bytes *to, char *const argv[])
{
    size_t n = 0;
    while (argv && argv[n])
        n++;
    replay_put(to, n);
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(argv[i]);
        replay_put(to, length);
        to->bad |= to->n + length > to->room;
        if (!to->bad) {
            memcpy(to->at + to->n, argv[i], length);
            to->n += length;
        }
    }
}

static size_t replay_room(const struct weft__plan *plan, char *const argv[])
{
    size_t numbers = 6 + (size_t)plan->n_hot + 6 * (size_t)plan->n_deviations;
    size_t room = numbers * REPLAY_NUMBER_MAX + REPLAY_SUM_SIZE;
    for (size_t i = 0; argv && argv[i]; i++)
        room += strlen(argv[i]) + REPLAY_NUMBER_MAX;
    return room;
}

static char *replay_letters_of(const uint8_t *bytes, size_t n)
{
    size_t prefix = strlen(REPLAY_PREFIX);
    char *string = weft__alloc(prefix + (n * 8 + 5) / 6 + 1);
    if (!string)
        return NULL;
    memcpy(string, REPLAY_PREFIX, prefix);
    char *at = string + prefix;
    uint32_t held = 0, bits = 0;
    for (size_t i = 0; i < n; i++) {
        held = (held << 8 | bytes[i]) & 0xffff;
        for (bits += 8; bits >= 6; bits -= 6)
            *at++ = replay_letters[held >> (bits - 6) & 63];
    }
    if (bits)
        *at++ = replay_letters[held << (6 - bits) & 63];
    *at = 0;
    return string;
}

char *weft__replay_write(const struct weft__plan *plan, char *const argv[])
{
    WEFT_CHECK(plan->n_hot <= WEFT__HOT_MAX);
    WEFT_CHECK(plan->n_deviations <= WEFT__DEVIATIONS_MAX);
    struct replay_bytes to = {.room = replay_room(plan, argv)};
    to.at = weft__alloc(to.room);
    if (!to.at)
        return NULL;
    replay_put_plan(&to, plan);
    replay_put_command(&to, argv);
    WEFT_CHECK(!to.bad && to.n + REPLAY_SUM_SIZE <= to.room);
    uint32_t sum = replay_sum(to.at, to.n);
    for (int i = 0; i < REPLAY_SUM_SIZE; i++)
        to.at[to.n++] = (uint8_t)(sum >> (8 * i));
    char *string = replay_letters_of(to.at, to.n);
    weft__free(to.at);
    return string;
}

/* ---- reading ---- */

static uint64_t replay_get(struct replay_bytes *from, uint64_t max)
{
    uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && from->n < from->room; shift += 7) {
        uint8_t piece = from->at[from->n++];
        number |= (uint64_t)(piece & 127) << shift;
        if (!(piece & 128)) {
            from->bad |= number > max;
            return from->bad ? 0 : number;
        }
    }
    from->bad = true;
    return 0;
}

static uint32_t replay_get_step(struct replay_bytes *from, uint32_t before)
{
    uint64_t zigzag = replay_get(from, UINT64_C(1) << 33);
    int64_t step = zigzag & 1 ? -(int64_t)((zigzag + 1) >> 1) : (int64_t)(zigzag >> 1);
    int64_t now = (int64_t)before + step;
    from->bad |= now < 0 || now > (int64_t)UINT32_MAX;
    return (uint32_t)now;
}

static void replay_get_plan(struct replay_bytes *from, struct weft__plan *plan)
{
    uint32_t site = 0;
    plan->strategy = WEFT__STRATEGY_DEFAULT;
    plan->flags = (uint32_t)replay_get(from, REPLAY_KEPT) & REPLAY_KEPT;
    plan->seed = replay_get(from, UINT64_MAX);
    plan->steps_max = (uint32_t)replay_get(from, UINT32_MAX);
    plan->n_hot = (uint32_t)replay_get(from, WEFT__HOT_MAX);
    for (uint32_t i = 0; i < plan->n_hot; i++)
        site = plan->hot[i] = replay_get_step(from, site);
    plan->n_deviations = (uint32_t)replay_get(from, WEFT__DEVIATIONS_MAX);
    for (uint32_t i = 0; !from->bad && i < plan->n_deviations; i++) {
        struct weft__deviation *one = &plan->deviations[i];
        one->strand = (uint16_t)replay_get(from, UINT16_MAX);
        one->kind = (uint8_t)replay_get(from, WEFT__CHOICE_FAIL);
        one->index = (uint8_t)replay_get(from, UINT8_MAX);
        one->site = replay_get_step(from, site);
        one->nth = (uint32_t)replay_get(from, UINT32_MAX);
        one->pick = (uint32_t)replay_get(from, UINT32_MAX);
        from->bad |= one->kind == 0;
        site = one->site;
    }
}

/* The words and the list of them in one block. */
static int replay_get_command(struct replay_bytes *from, char ***ret_argv)
{
    size_t n = (size_t)replay_get(from, REPLAY_WORDS_MAX);
    size_t list = (n + 1) * sizeof(char *);
    *ret_argv = NULL;
    if (from->bad)
        return -WEFT_EINVAL;
    if (n == 0)
        return 0;
    char **argv = weft__alloc_zero(list + (from->room - from->n) + n);
    if (!argv)
        return -WEFT_ENOMEM;
    char *at = (char *)argv + list;
    for (size_t i = 0; i < n && !from->bad; i++) {
        size_t length = (size_t)replay_get(from, from->room - from->n);
        from->bad |= length > from->room - from->n;
        if (from->bad)
            break;
        argv[i] = at;
        memcpy(at, from->at + from->n, length);
        from->bad |= memchr(at, 0, length) != NULL;
        at += length;
        *at++ = 0;
        from->n += length;
    }
    if (from->bad) {
        weft__free(argv);
        return -WEFT_EINVAL;
    }
    *ret_argv = argv;
    return 0;
}

static int replay_digit(char letter)
{
    const char *at = letter ? strchr(replay_letters, letter) : NULL;
    return at ? (int)(at - replay_letters) : -1;
}

/* The bytes of the letters, room = their number. */
static int replay_bytes_of(const char *letters, struct replay_bytes *ret)
{
    size_t n = strlen(letters);
    if (n == 0 || n > REPLAY_BYTES_MAX)
        return -WEFT_EINVAL;
    *ret = (struct replay_bytes){.at = weft__alloc(n)};
    if (!ret->at)
        return -WEFT_ENOMEM;
    uint32_t held = 0, bits = 0;
    for (size_t i = 0; i < n; i++) {
        int digit = replay_digit(letters[i]);
        ret->bad |= digit < 0;
        held = (held << 6 | (uint32_t)(digit & 63)) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            ret->at[ret->room++] = (uint8_t)(held >> bits);
        }
    }
    /* What is left over are zeroes, else a letter was changed that nothing else would show. */
    ret->bad |= bits >= 6 || (held & ((1u << bits) - 1)) != 0;
    return 0;
}

static bool replay_is_whole(struct replay_bytes *bytes)
{
    if (bytes->bad || bytes->room < REPLAY_SUM_SIZE)
        return false;
    bytes->room -= REPLAY_SUM_SIZE;
    uint32_t sum = 0;
    for (int i = 0; i < REPLAY_SUM_SIZE; i++)
        sum |= (uint32_t)bytes->at[bytes->room + (size_t)i] << (8 * i);
    return sum == replay_sum(bytes->at, bytes->room);
}

int weft__replay_read(const char *string, struct weft__plan *plan, char ***ret_argv)
{
    size_t prefix = strlen(REPLAY_PREFIX);
    struct replay_bytes from;
    if (!string || strncmp(string, REPLAY_PREFIX, prefix) != 0)
        return -WEFT_EINVAL;
    int rc = replay_bytes_of(string + prefix, &from);
    if (rc < 0)
        return rc;
    char **argv = NULL;
    rc = replay_is_whole(&from) ? 0 : -WEFT_EINVAL;
    if (rc == 0) {
        memset(plan, 0, offsetof(struct weft__plan, deviations));
        replay_get_plan(&from, plan);
        rc = replay_get_command(&from, &argv);
    }
    if (rc == 0 && from.n != from.room) {
        weft__free(argv);
        rc = -WEFT_EINVAL;
    }
    weft__free(from.at);
    if (rc == 0)
        *ret_argv = argv;
    return rc;
}
