/* tlsscan.h - a compiled program, taken apart: functions, instructions, who calls whom.
 *
 * For `weft doctor --tls`.  tlsscan.c reads what objdump prints and finds out what may park,
 * tlsflow.c follows addresses of thread-locals through each function with the help of tlsx86.c and
 * tlsarm.c, tlssleep.c says which functions of Weft may park.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef WEFT_TOOLS_TLSSCAN_H
#define WEFT_TOOLS_TLSSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tlsscan_target;

/* An instruction as objdump prints it.  Strings are "" where there is nothing. */
struct tlsscan_insn {
    uint64_t address;
    const char *name;     /* without prefixes: "mov", "bl" */
    const char *operands; /* AT&T's order on x86-64 */
    const char *reloc;    /* the kind of its relocation: "R_X86_64_TPOFF32" */
    const char *symbol;   /* and what that names, without an addend */
    int64_t addend;
    const char *place;    /* "file.c:7" */
    const struct tlsscan_target *target; /* of calls, jumps and branches that say where to */
};

enum tlsscan_flow {
    TLSSCAN_NEXT = 0,
    TLSSCAN_CALL,
    TLSSCAN_CALL_INDIRECT,
    TLSSCAN_JUMP,          /* always taken; within the function, or out of it: a call at its end */
    TLSSCAN_BRANCH,        /* taken or not */
    TLSSCAN_JUMP_INDIRECT,
    TLSSCAN_RETURN
};

enum tlsscan_parks {
    TLSSCAN_NEVER = 0,
    TLSSCAN_PERHAPS, /* by a call through a pointer */
    TLSSCAN_MAY
};

struct tlsscan_function {
    const char *name;
    size_t member;  /* of an archive: which file */
    size_t section;
    uint64_t address;
    size_t first, count; /* its instructions */
    enum tlsscan_parks parks;
    bool gives_local; /* returns the address of a thread-local */
    bool is_ours;     /* of Weft itself */
};

struct tlsscan_arch;

struct tlsscan_program {
    const char *path;
    const struct tlsscan_arch *arch;
    struct tlsscan_insn *insns;
    size_t insn_count, insn_room;
    struct tlsscan_function *functions;
    size_t function_count, function_room;
    size_t *by_place, *by_name; /* the functions in order */
    bool is_linked; /* addresses are unique in it */
};

/* Something that a call leads to. */
struct tlsscan_target {
    const char *name;                        /* "" when not known */
    const struct tlsscan_function *function; /* or NULL: it is not in the program */
    uint64_t address;                        /* of a jump within the function */
};

/* ---- one processor ---- */

enum { TLSSCAN_REGS = 32 };

struct tlsflow;

struct tlsscan_arch {
    const char *name;    /* "x86-64" */
    const char *objdump; /* what a cross toolchain calls it */
    uint16_t machine;    /* of the ELF header */
    int result, stack, frame; /* registers */
    uint32_t args;       /* those that carry arguments, as bits */
    uint32_t kept;       /* those that survive a call */

    enum tlsscan_flow (*flow)(const struct tlsscan_insn *insn);
    /* What the instruction does to addresses of thread-locals; calls and jumps apart. */
    void (*step)(struct tlsflow *flow, const struct tlsscan_insn *insn);
    /* Does this call leave all registers but the result alone, and give a thread-local? */
    bool (*is_descriptor_call)(const struct tlsscan_program *program, size_t insn);
};

extern const struct tlsscan_arch tlsx86_arch, tlsarm_arch;

/* ---- reading ---- */

/* Has objdump (NULL: the one that suits the file) take the file apart, and finds out who may park.
 * 0, or the status to end with: out_error has said why. */
int tlsscan_read(const char *path, const char *objdump, struct tlsscan_program *ret);

/* May what is called park? */
enum tlsscan_parks tlsscan_target_parks(const struct tlsscan_target *target);

/* Does it return the address of a thread-local?  Its name then, or NULL. */
const char *tlsscan_target_gives(const struct tlsscan_target *target);

/* Does it never return? */
bool tlsscan_target_ends(const struct tlsscan_target *target);

/* ---- finding ---- */

struct tlsscan_finding {
    const struct tlsscan_function *function;
    const char *variable; /* "errno", or NULL: not known */
    const char *parker;   /* what is called, "" through a pointer */
    enum tlsscan_parks parks;
    const struct tlsscan_insn *taken, *parked, *used;
};

struct tlsscan_findings {
    struct tlsscan_finding *at;
    size_t n, room;
};

/* All functions; with `perhaps`, calls through pointers count as parking. */
void tlsflow_find(struct tlsscan_program *program, bool perhaps,
                  struct tlsscan_findings *ret_findings);

/* ---- what the processors' files say to the flow ---- */

/* A value is 0 or an address of a thread-local, with where it was taken. */
struct tlsflow_value {
    uint32_t taken;  /* instruction + 1; 0: nothing of interest */
    uint32_t parked; /* the call since then that may have parked, + 1; 0: none */
};

struct tlsflow_value tlsflow_get(struct tlsflow *flow, int reg);
void tlsflow_set(struct tlsflow *flow, int reg, struct tlsflow_value value);
/* The address of a thread-local is taken here. */
struct tlsflow_value tlsflow_fresh(struct tlsflow *flow);
/* The worse of two. */
struct tlsflow_value tlsflow_worse(struct tlsflow_value a, struct tlsflow_value b);
/* Memory is reached through a register. */
void tlsflow_reach(struct tlsflow *flow, int reg);
/* A place on the stack, by its distance from a register; false: it is not one. */
bool tlsflow_slot(struct tlsflow *flow, int reg, int64_t distance, int64_t *ret_slot);
struct tlsflow_value tlsflow_load(struct tlsflow *flow, int64_t slot);
void tlsflow_store(struct tlsflow *flow, int64_t slot, struct tlsflow_value value);
/* The stack pointer, or a frame pointer, moves. */
void tlsflow_move_stack(struct tlsflow *flow, int64_t by);
void tlsflow_point_frame(struct tlsflow *flow, int64_t distance);
void tlsflow_leave_frame(struct tlsflow *flow);

/* ---- the table ---- */

/* Is it a function of Weft that may park? */
bool tlssleep_has(const char *name);

/* All of them, for --list; NULL ends. */
extern const char *const tlssleep_names[];

#endif
