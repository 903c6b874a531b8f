/* cmd_doctor.c - weft doctor --tls: addresses of thread-locals that a program keeps across a park.
 *
 * The command looks at compiled code, because that is where the mistake is made: the source says
 * `errno` twice, and the compiler asks for its address once.
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "command.h"
#include "out.h"
#include "tlsscan.h"
#include "words.h"

enum cmd_doctor_option {
    CMD_DOCTOR_TLS,
    CMD_DOCTOR_ALL,
    CMD_DOCTOR_LIST,
    CMD_DOCTOR_OBJDUMP,
    CMD_DOCTOR_JSON,
    CMD_DOCTOR_HELP
};

static const struct args_option cmd_doctor_options[] = {
    {"--tls", false, CMD_DOCTOR_TLS},          {"--all", false, CMD_DOCTOR_ALL},
    {"--list", false, CMD_DOCTOR_LIST},        {"--json", false, CMD_DOCTOR_JSON},
    {"--objdump", true, CMD_DOCTOR_OBJDUMP},   {"--help", false, CMD_DOCTOR_HELP},
    {"-h", false, CMD_DOCTOR_HELP},            {NULL, false, 0},
};

struct cmd_doctor_request {
    struct words files;
    const char *objdump;
    bool tls, all, list, json, help;
};

static int cmd_doctor_read(const char *const *words, struct cmd_doctor_request *request)
{
    struct args args = {cmd_doctor_options, words};
    struct args_word word;
    while ((word = args_next(&args)).kind != ARGS_END) {
        if (word.kind == ARGS_WRONG)
            return OUT_COULD_NOT;
        if (word.kind == ARGS_FLAG)
            return out_error("%s: unknown option; --help lists them", word.text);
        if (word.kind == ARGS_FILE) {
            words_push(&request->files, word.text);
            continue;
        }
        request->tls |= word.id == CMD_DOCTOR_TLS;
        request->all |= word.id == CMD_DOCTOR_ALL;
        request->list |= word.id == CMD_DOCTOR_LIST;
        request->json |= word.id == CMD_DOCTOR_JSON;
        request->help |= word.id == CMD_DOCTOR_HELP;
        if (word.id == CMD_DOCTOR_OBJDUMP)
            request->objdump = word.value;
    }
    for (; *args.next; args.next++)
        words_push(&request->files, *args.next);
    if (!request->help && !request->tls)
        return out_error("say what to look for: --tls");
    if (!request->help && !request->list && !request->files.n)
        return out_error("no PROG given; as in: weft doctor --tls PROG");
    return 0;
}

/* ---- what is said ---- */

static const char *cmd_doctor_place(const struct tlsscan_insn *insn)
{
    return insn->place[0] ? insn->place
                          : words_print("address 0x%llx", (unsigned long long)insn->address);
}

static const char *cmd_doctor_parker(const struct tlsscan_finding *finding)
{
    return finding->parker[0] ? finding->parker : "a call through a pointer";
}

static const char *cmd_doctor_advice(const struct tlsscan_finding *finding)
{
    if (finding->variable && strcmp(finding->variable, "errno") == 0)
        return "include <weft/err.h>, whose errno asks for the address anew each time; or copy "
               "errno into a local before the call that may park; or start the task with .own_tls";
    return "read and write it in functions of another file that never park, or use weft_local_get "
           "and weft_local_set; or start the task with .own_tls, or .on = WEFT_THREAD";
}

static void cmd_doctor_tell(const struct tlsscan_finding *finding)
{
    printf("%s: %s keeps the address of %s across %s%s\n", cmd_doctor_place(finding->used),
           finding->function->name,
           finding->variable ? finding->variable : "a thread-local variable",
           finding->parks == TLSSCAN_PERHAPS ? "what may park, " : "", cmd_doctor_parker(finding));
    printf("    taken   %s  %s %s\n", cmd_doctor_place(finding->taken), finding->taken->name,
           finding->taken->operands);
    printf("    parks   %s  %s\n", cmd_doctor_place(finding->parked), cmd_doctor_parker(finding));
    printf("    used    %s  %s %s\n", cmd_doctor_place(finding->used), finding->used->name,
           finding->used->operands);
    printf("    after the park the task may run on another thread, whose %s this is not\n",
           finding->variable ? finding->variable : "variable");
    printf("    advice: %s\n", cmd_doctor_advice(finding));
}

static void cmd_doctor_json_insn(const char *name, const struct tlsscan_insn *insn)
{
    const char *colon = strrchr(insn->place, ':');
    printf(",\"%s\":{\"file\":", name);
    if (colon) {
        out_json_string(words_print("%.*s", (int)(colon - insn->place), insn->place));
        printf(",\"line\":%s", colon + 1);
    } else {
        printf("null,\"line\":null");
    }
    printf(",\"address\":%llu,\"instruction\":", (unsigned long long)insn->address);
    out_json_string(words_print("%s %s", insn->name, insn->operands));
    printf("}");
}

static void cmd_doctor_json_finding(const struct tlsscan_finding *finding)
{
    printf("{\"function\":");
    out_json_string(finding->function->name);
    printf(",\"variable\":");
    if (finding->variable)
        out_json_string(finding->variable);
    else
        printf("null");
    printf(",\"call\":");
    if (finding->parker[0])
        out_json_string(finding->parker);
    else
        printf("null");
    printf(",\"sure\":%s", finding->parks == TLSSCAN_MAY ? "true" : "false");
    cmd_doctor_json_insn("taken", finding->taken);
    cmd_doctor_json_insn("parks", finding->parked);
    cmd_doctor_json_insn("used", finding->used);
    printf(",\"advice\":");
    out_json_string(cmd_doctor_advice(finding));
    printf("}");
}

static size_t cmd_doctor_count_parkers(const struct tlsscan_program *program, bool perhaps)
{
    size_t n = 0;
    for (size_t i = 0; i < program->function_count; i++) {
        enum tlsscan_parks parks = program->functions[i].parks;
        n += !program->functions[i].is_ours &&
             (parks == TLSSCAN_MAY || (perhaps && parks == TLSSCAN_PERHAPS));
    }
    return n;
}

static void cmd_doctor_show(const struct cmd_doctor_request *request,
                            const struct tlsscan_program *program,
                            const struct tlsscan_findings *findings)
{
    size_t parkers = cmd_doctor_count_parkers(program, request->all);
    if (!request->json) {
        for (size_t i = 0; i < findings->n; i++)
            cmd_doctor_tell(&findings->at[i]);
        printf("%s: %zu kept, %zu functions that may park, %zu in all\n", program->path,
               findings->n, parkers, program->function_count);
        return;
    }
    printf("{\"file\":");
    out_json_string(program->path);
    printf(",\"machine\":");
    out_json_string(program->arch->name);
    printf(",\"functions\":%zu,\"may_park\":%zu,\"findings\":[", program->function_count, parkers);
    for (size_t i = 0; i < findings->n; i++) {
        printf("%s", i ? "," : "");
        cmd_doctor_json_finding(&findings->at[i]);
    }
    printf("]}");
}

/* ---- the command ---- */

static int cmd_doctor_list(void)
{
    for (const char *const *name = tlssleep_names; *name; name++)
        printf("%s\n", *name);
    return out_finish();
}

static int cmd_doctor_main(const char *const *words)
{
    struct cmd_doctor_request request = {0};
    int status = OUT_NOTHING;
    if (cmd_doctor_read(words, &request) != 0)
        return OUT_COULD_NOT;
    if (request.help)
        return command_help(&cmd_doctor);
    if (request.list)
        return cmd_doctor_list();
    struct tlsscan_program *programs = words_alloc(request.files.n * sizeof *programs);
    for (size_t i = 0; i < request.files.n; i++) { /* all or none: half an answer is none */
        if (tlsscan_read(request.files.at[i], request.objdump, &programs[i]) != 0)
            return OUT_COULD_NOT;
    }
    if (request.json)
        printf("{\"files\":[");
    for (size_t i = 0; i < request.files.n; i++) {
        struct tlsscan_findings findings;
        tlsflow_find(&programs[i], request.all, &findings);
        if (request.json && i)
            printf(",");
        cmd_doctor_show(&request, &programs[i], &findings);
        status = findings.n ? OUT_FOUND : status;
    }
    if (request.json)
        printf("]}\n");
    return out_finish() != OUT_NOTHING ? OUT_COULD_NOT : status;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .usage = "--tls [OPTION…] PROG…",
    .summary = "look for thread-locals that are kept across a park",
    .help = "PROG is a program, a shared library, an object or an archive, for x86-64 or\n"
            "aarch64, best compiled with -g.  A task may wake on another thread after any call\n"
            "of Weft that may park; compilers do not know that, and go on using the address of\n"
            "the old thread's errno or __thread variable.  Each place is shown where they do.\n"
            "Status 0: none, 1: found some, 2: could not look.\n"
            "\n"
            "  --all           take calls through pointers for such that may park\n"
            "  --json          one JSON object on stdout, instead of the text\n"
            "  --list          print the functions of Weft that may park, and no more\n"
            "  --objdump CMD   this one instead of the objdump that suits PROG\n",
    .run = cmd_doctor_main,
};
