/* main.c - weft-demo: one real job, done by every strategy that Weft has, with identical answers.
 *
 *   weft-demo [--strategy NAME]... [--workers N] [--answers FILE] [--json] [DIR]
 *
 * Every regular file below DIR is read, its words are counted, its bytes hashed: once by each
 * strategy, each in a process of its own, one after the other.  Then the answers are compared.
 *
 * Exit status: 0 identical, 1 not, 2 could not run, 130 and 143 interrupted.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weft.h>

#include "compare.h"
#include "report.h"

#define MAIN_DIR         "/usr/share/doc"
#define MAIN_WORKERS_MAX 1024

enum {
    EXIT_IDENTICAL = 0,
    EXIT_NOT_IDENTICAL = 1,
    EXIT_COULD_NOT_RUN = 2,
    EXIT_SIGNAL = 128
};

struct arguments {
    char *root;
    size_t workers;
    const char *answers; /* NULL: not asked for */
    bool json;
    struct trial *trials; /* one for each strategy to run */
    size_t n;
};

static void main_usage(FILE *file)
{
    fputs("usage: weft-demo [OPTION]... [DIR]\n"
          "\n"
          "Reads every regular file below DIR (" MAIN_DIR "), counts its words and hashes it, by\n"
          "each strategy in turn; shows what each took, and whether all gave the same answers.\n"
          "\n"
          "  --strategy NAME   only this one; may be given more than once:",
          file);
    for (size_t i = 0; i < strategies_n; i++)
        fprintf(file, "%s %s", i > 0 ? "," : "", strategies[i].name);
    fputs("\n"
          "  --workers N       how many threads may compute at once; the CPUs usable here\n"
          "  --answers FILE    write a line \"SHA256  BYTES WORDS PATH\" for each file\n"
          "  --json            print one JSON object\n"
          "  --help            print this\n"
          "\n"
          "Exit status: 0 identical, 1 not identical, 2 could not run, 130 interrupted.\n",
          file);
}

static int main_complain(const char *what, const char *why)
{
    fprintf(stderr, "weft-demo: %s: %s\n", what, why);
    return EXIT_COULD_NOT_RUN;
}

/* ---- arguments: each function returns 0, or the exit status after a complaint ---- */

static int main_add_strategy(struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < arguments->n; i++) {
        if (strcmp(arguments->trials[i].strategy->name, name) == 0)
            return 0;
    }
    for (size_t i = 0; i < strategies_n; i++) {
        if (strcmp(strategies[i].name, name) == 0 || strcmp(strategies[i].title, name) == 0) {
            arguments->trials[arguments->n++].strategy = &strategies[i];
            return 0;
        }
    }
    return main_complain(name, "no strategy is called that; --help names them");
}

static int main_set_workers(struct arguments *arguments, const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || n < 1 || n > MAIN_WORKERS_MAX)
        return main_complain(text, "--workers takes a number from 1 to 1024");
    arguments->workers = n;
    return 0;
}

/* A slash at the end would make other paths of the same files. */
static int main_set_root(struct arguments *arguments, const char *path)
{
    size_t size = strlen(path);

    if (size == 0)
        return main_complain("DIR", "is empty");
    while (size > 1 && path[size - 1] == '/')
        size--;
    arguments->root = strndup(path, size);
    DIR *dir = arguments->root != NULL ? opendir(arguments->root) : NULL;
    if (dir == NULL)
        return main_complain(path, strerror(errno));
    closedir(dir);
    return 0;
}

static int main_option(struct arguments *arguments, int option)
{
    switch (option) {
    case 's':
        return main_add_strategy(arguments, optarg);
    case 'w':
        return main_set_workers(arguments, optarg);
    case 'a':
        arguments->answers = optarg;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case 'h':
        main_usage(stdout);
        exit(EXIT_SUCCESS);
    default:
        fputs("weft-demo: --help shows what it takes\n", stderr);
        return EXIT_COULD_NOT_RUN;
    }
}

static int main_arguments(struct arguments *arguments, int argc, char **argv)
{
    static const struct option options[] = {
        {"strategy", required_argument, NULL, 's'}, {"workers", required_argument, NULL, 'w'},
        {"answers", required_argument, NULL, 'a'},  {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    int option, status = 0;

    while (status == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
        status = main_option(arguments, option);
    if (status == 0 && argc - optind > 1)
        status = main_complain(argv[optind + 1], "one DIR is enough");
    if (status == 0)
        status = main_set_root(arguments, optind < argc ? argv[optind] : MAIN_DIR);
    bool all = arguments->n == 0;
    for (size_t i = 0; all && i < strategies_n && status == 0; i++)
        status = main_add_strategy(arguments, strategies[i].name);
    return status;
}

/* ---- the run ---- */

static void main_on_signal(int number)
{
    job_stop = number;
}

/* Without SA_RESTART: what waits should look at job_stop soon.  With SA_RESETHAND: a second Ctrl-C
 * is from somebody who does not want to wait; it ends the demo, and the kernel then its child. */
static void main_catch_signals(void)
{
    struct sigaction action = {.sa_handler = main_on_signal, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void main_run_trials(const struct arguments *arguments, struct trial *warm,
                            struct progress *progress)
{
    struct trial_setup setup = {.root = arguments->root,
                                .workers = arguments->workers,
                                .show = isatty(STDERR_FILENO) == 1,
                                .progress = progress};

    trial_run(warm, &setup);
    setup.bytes_total = warm->bytes;
    for (size_t i = 0; i < arguments->n && job_stop == 0; i++) {
        trial_run(&arguments->trials[i], &setup);
        if (arguments->trials[i].state == TRIAL_INTERRUPTED && job_stop == 0)
            job_stop = SIGINT; /* somebody interrupted the strategy alone */
    }
}

/* Compares and reports.  The exit status. */
static int main_conclude(const struct arguments *arguments, const struct trial *warm, FILE *answers)
{
    struct verdict verdict;
    struct report report = {.root = arguments->root,
                            .cpus = weft_cpus(),
                            .workers = arguments->workers,
                            .warm = warm,
                            .trials = arguments->trials,
                            .n = arguments->n,
                            .verdict = &verdict,
                            .stop = job_stop};
    int rc = compare(arguments->trials, arguments->n, answers, &verdict);
    int status = verdict.identical ? EXIT_IDENTICAL : EXIT_NOT_IDENTICAL;

    if (rc < 0)
        status = main_complain("the answers cannot be compared", weft_strerror(rc));
    else if (arguments->json)
        report_print_json(&report, stdout);
    else
        report_print(&report, stdout);
    verdict_free(&verdict);
    if (answers != NULL && fclose(answers) != 0)
        status = main_complain(arguments->answers, strerror(errno));
    if (fflush(stdout) != 0)
        status = main_complain("standard output", strerror(errno));
    return report.stop != 0 ? EXIT_SIGNAL + report.stop : status;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.workers = weft_cpus()};
    struct trial warm = {.strategy = &strategy_warm};
    FILE *answers = NULL;

    arguments.trials = calloc(strategies_n, sizeof *arguments.trials);
    struct progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (arguments.trials == NULL || progress == MAP_FAILED)
        return main_complain("cannot begin", strerror(errno));
    int status = main_arguments(&arguments, argc, argv);
    if (status == 0 && arguments.answers != NULL) {
        answers = fopen(arguments.answers, "w");
        if (answers == NULL)
            status = main_complain(arguments.answers, strerror(errno));
    }
    if (status == 0) {
        main_catch_signals();
        main_run_trials(&arguments, &warm, progress);
        status = main_conclude(&arguments, &warm, answers);
    }
    for (size_t i = 0; i < arguments.n; i++) {
        if (arguments.trials[i].answers != NULL)
            fclose(arguments.trials[i].answers);
    }
    if (warm.answers != NULL)
        fclose(warm.answers);
    free(arguments.trials);
    free(arguments.root);
    return status;
}
