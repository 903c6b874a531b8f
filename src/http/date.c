/* date.c - dates as HTTP writes them, and the three ways in which they may be read.
 *
 * RFC 9110, 5.6.7.  The days are counted by Hinnant's algorithm for the civil calendar ("chrono-
 * Compatible Low-Level Date Algorithms"), since libc's strptime and timegm ask locale and zone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "weft/http.h"

#include "http/chars.h"
#include "weft/err.h"

#define DATE_DAY 86400

static const char date_days[] = "ThuFriSatSunMonTueWed"; /* the first of January 1970 was one */
static const char date_months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static char *date_two(char *at, int64_t number)
{
    *at++ = (char)('0' + number / 10 % 10);
    *at++ = (char)('0' + number % 10);
    return at;
}

void weft_http_date(int64_t seconds, char ret_text[WEFT_HTTP_DATE_MAX])
{
    /* Years that four digits can say. */
    seconds = weft__max(INT64_C(-62135596800), weft__min(seconds, INT64_C(253402300799)));
    int64_t days = seconds / DATE_DAY - (seconds % DATE_DAY < 0);
    int64_t second = seconds - days * DATE_DAY;
    int64_t era_day = days + 719468; /* since the first of March of the year 0 */
    int64_t era = (era_day >= 0 ? era_day : era_day - 146096) / 146097;
    int64_t doe = era_day - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;
    int64_t year = yoe + era * 400 + (month <= 2);
    char *at = chars_put(ret_text, date_days + ((days % 7 + 7) % 7) * 3, 3);

    at = CHARS_PUT(at, ", ");
    at = date_two(at, doy - (153 * mp + 2) / 5 + 1);
    *at++ = ' ';
    at = chars_put(at, date_months + (month - 1) * 3, 3);
    *at++ = ' ';
    at = date_two(date_two(at, year / 100), year % 100);
    *at++ = ' ';
    at = date_two(at, second / 3600);
    *at++ = ':';
    at = date_two(at, second / 60 % 60);
    *at++ = ':';
    at = date_two(at, second % 60);
    at = CHARS_PUT(at, " GMT");
    *at = '\0';
}

/* Reading: each takes what it wants at *at and moves it on, or says false. */

static bool date_number(const char **at, int digits_min, int digits_max, int64_t *ret)
{
    int64_t number = 0;
    int n = 0;

    for (; n < digits_max && chars_is_digit((*at)[n]); n++)
        number = number * 10 + ((*at)[n] - '0');
    if (n < digits_min)
        return false;
    *at += n;
    *ret = number;
    return true;
}

static bool date_char(const char **at, char c)
{
    return *(*at)++ == c;
}

static bool date_month(const char **at, int64_t *ret)
{
    for (int i = 0; i < 12; i++) {
        if (strncmp(*at, date_months + i * 3, 3) == 0) {
            *ret = i + 1;
            *at += 3;
            return true;
        }
    }
    return false;
}

static bool date_clock(const char **at, int64_t *ret)
{
    int64_t hour, minute, second;

    if (!date_number(at, 2, 2, &hour) || !date_char(at, ':') || !date_number(at, 2, 2, &minute) ||
        !date_char(at, ':') || !date_number(at, 2, 2, &second))
        return false;
    *ret = hour * 3600 + minute * 60 + second;
    return hour < 24 && minute < 60 && second <= 60;
}

static int64_t date_count(int64_t year, int64_t month, int64_t day, int64_t clock)
{
    if (day < 1 || day > 31 || year < 1)
        return -WEFT_EINVAL;
    year -= month <= 2;
    int64_t era = year / 400, yoe = year - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    int64_t seconds = (era * 146097 + doe - 719468) * DATE_DAY + clock;

    return seconds < 0 ? -WEFT_EINVAL : seconds;
}

/* "Sun Nov  6 08:49:37 1994", as C's asctime writes it; `at` stands behind the first space. */
static int64_t date_parse_asctime(const char *at)
{
    int64_t year, month, day, clock;

    if (!date_month(&at, &month) || !date_char(&at, ' '))
        return -WEFT_EINVAL;
    at += *at == ' ';
    if (!date_number(&at, 1, 2, &day) || !date_char(&at, ' ') || !date_clock(&at, &clock) ||
        !date_char(&at, ' ') || !date_number(&at, 4, 4, &year) || *at != '\0')
        return -WEFT_EINVAL;
    return date_count(year, month, day, clock);
}

int64_t weft_http_date_parse(const char *text)
{
    const char *at = text + strcspn(text, ", ");
    int64_t year, month, day, clock;

    if (*at == ' ')
        return date_parse_asctime(at + 1);
    if (*at++ != ',' || !date_char(&at, ' ') || !date_number(&at, 2, 2, &day))
        return -WEFT_EINVAL;
    char between = *at; /* ' ', or '-' in the form of RFC 850, with two digits of the year */
    if ((between != ' ' && between != '-') || !date_char(&at, between) ||
        !date_month(&at, &month) || !date_char(&at, between) || !date_number(&at, 2, 4, &year))
        return -WEFT_EINVAL;
    if (between == '-' && year < 100)
        year += year < 70 ? 2000 : 1900;
    if (!date_char(&at, ' ') || !date_clock(&at, &clock) || strcmp(at, " GMT") != 0)
        return -WEFT_EINVAL;
    return date_count(year, month, day, clock);
}
