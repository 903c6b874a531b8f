/* tlsarm.c - what aarch64's instructions do to addresses of thread-locals, as objdump writes them.
 *
 * The thread pointer is read by `mrs x19, tpidr_el0`; a variable's distance is added, or is the
 * index of a load.
 *
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "tlsscan.h"

enum { ARM_FRAME = 29, ARM_SP = 31, ARM_NONE = -1, ARM_OPERANDS = 5 };

struct arm_operand {
    enum { ARM_OTHER, ARM_REG, ARM_MEMORY, ARM_NUMBER } kind;
    int reg, base, index;
    bool is_whole;
    bool moves_first, moves_after; /* the base, by the number */
    int64_t number;
};

/* ---- operands ---- */

static int arm_reg(const char *s, bool *ret_whole)
{
    char *end;
    *ret_whole = s[0] == 'x' || s[0] == 's';
    if (s[0] == 's' && s[1] == 'p')
        return ARM_SP;
    if (s[0] != 'x' && s[0] != 'w')
        return ARM_NONE;
    long number = strtol(s + 1, &end, 10);
    return end == s + 1 || number > 30 ? ARM_NONE : (int)number;
}

static int64_t arm_number(const char *s)
{
    const char *hash = strchr(s, '#');
    return hash ? strtoll(hash + 1, NULL, 0) : 0;
}

/* "[sp, #16]", "[x20, x19]", "[sp, #-32]!" */
static void arm_memory(const char *s, size_t length, struct arm_operand *ret)
{
    bool whole;
    ret->kind = ARM_MEMORY;
    ret->base = arm_reg(s + 1, &whole);
    const char *comma = memchr(s, ',', length);
    if (comma) {
        comma += 1 + strspn(comma + 1, " ");
        ret->index = *comma == '#' ? ARM_NONE : arm_reg(comma, &whole);
        ret->number = *comma == '#' ? arm_number(comma) : 0;
    }
    ret->moves_first = s[length - 1] == '!';
}

static size_t arm_operands(const char *s, struct arm_operand *ret)
{
    size_t n = 0;
    while (*s && n < ARM_OPERANDS) {
        size_t length = 0;
        for (int depth = 0; s[length] && (depth || s[length] != ','); length++)
            depth += (s[length] == '[') - (s[length] == ']');
        ret[n] = (struct arm_operand){.reg = ARM_NONE, .base = ARM_NONE, .index = ARM_NONE};
        if (*s == '[') {
            arm_memory(s, length, &ret[n]);
        } else if (*s == '#') {
            ret[n].kind = ARM_NUMBER;
            ret[n].number = arm_number(s);
            if (n > 0 && ret[n - 1].kind == ARM_MEMORY) {
                ret[n - 1].moves_after = true;
                ret[n - 1].number = ret[n].number;
            }
        } else if ((ret[n].reg = arm_reg(s, &ret[n].is_whole)) != ARM_NONE) {
            ret[n].kind = ARM_REG;
        }
        n++;
        s += length + (s[length] == ',');
        s += strspn(s, " ");
    }
    return n;
}

/* ---- kinds of instructions ---- */

static bool arm_is_one_of(const char *name, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(name, *words) == 0)
            return true;
    }
    return false;
}

static enum tlsscan_flow arm_flow(const struct tlsscan_insn *insn)
{
    static const char *const branches[] = {"cbz", "cbnz", "tbz", "tbnz", NULL};
    static const char *const ends[] = {"ret", "retaa", "retab", "eret", "udf", "brk", NULL};
    const char *name = insn->name;
    if (strcmp(name, "bl") == 0)
        return TLSSCAN_CALL;
    if (strncmp(name, "blr", 3) == 0)
        return TLSSCAN_CALL_INDIRECT;
    if (strcmp(name, "b") == 0)
        return TLSSCAN_JUMP;
    if (strncmp(name, "br", 2) == 0 && strcmp(name, "brk") != 0)
        return TLSSCAN_JUMP_INDIRECT;
    if (strncmp(name, "b.", 2) == 0 || arm_is_one_of(name, branches))
        return TLSSCAN_BRANCH;
    return arm_is_one_of(name, ends) ? TLSSCAN_RETURN : TLSSCAN_NEXT;
}

/* adrp x0; ldr x1, [x0]; add x0, x0; blr x1, which keeps all registers but x0. */
static bool arm_is_descriptor_call(const struct tlsscan_program *program, size_t insn)
{
    const struct tlsscan_insn *call = &program->insns[insn];
    bool has_page = false, has_load = false;
    if (strstr(call->reloc, "TLSDESC"))
        return true;
    for (size_t back = 1; back <= 6 && back <= insn; back++) {
        const struct tlsscan_insn *before = call - back;
        has_page |= strcmp(before->name, "adrp") == 0 && strncmp(before->operands, "x0,", 3) == 0;
        has_load |= strcmp(before->name, "ldr") == 0 && strstr(before->operands, "[x0") &&
                    strncmp(before->operands, call->operands, strlen(call->operands)) == 0;
        if (strncmp(before->name, "bl", 2) == 0)
            break;
    }
    return has_page && has_load;
}

/* ---- what they do ---- */

static const struct tlsflow_value arm_nothing;

static struct tlsflow_value arm_get(struct tlsflow *flow, const struct arm_operand *from)
{
    return from->kind == ARM_REG && from->is_whole ? tlsflow_get(flow, from->reg) : arm_nothing;
}

static void arm_put(struct tlsflow *flow, const struct arm_operand *to, struct tlsflow_value value)
{
    if (to->kind == ARM_REG && to->reg != ARM_SP)
        tlsflow_set(flow, to->reg, to->is_whole ? value : arm_nothing);
}

/* ldr, ldp, str, stp and their kin: registers first, each of 8 bytes, then the place. */
static void arm_step_memory(struct tlsflow *flow, const struct tlsscan_insn *insn,
                            const struct arm_operand *ops, size_t place)
{
    const struct arm_operand *memory = &ops[place];
    bool is_load = insn->name[0] == 'l';
    int64_t slot, distance = memory->moves_after ? 0 : memory->number;
    tlsflow_reach(flow, memory->base);
    tlsflow_reach(flow, memory->index);
    bool is_slot = memory->index == ARM_NONE &&
                   tlsflow_slot(flow, memory->base, distance, &slot);
    for (size_t i = 0; i < place; i++) {
        bool is_plain = is_slot && ops[i].is_whole;
        if (is_load)
            arm_put(flow, &ops[i],
                    is_plain ? tlsflow_load(flow, slot + 8 * (int64_t)i) : arm_nothing);
        else if (is_slot)
            tlsflow_store(flow, slot + 8 * (int64_t)i, arm_get(flow, &ops[i]));
    }
    if (memory->base == ARM_SP && (memory->moves_first || memory->moves_after))
        tlsflow_move_stack(flow, memory->number);
}

/* Arithmetic on the stack pointer and the frame pointer. */
static bool arm_step_stack(struct tlsflow *flow, const struct tlsscan_insn *insn,
                           const struct arm_operand *ops, size_t n)
{
    bool is_add = strcmp(insn->name, "add") == 0, is_sub = strcmp(insn->name, "sub") == 0;
    bool is_mov = strcmp(insn->name, "mov") == 0;
    if (n < 2 || ops[0].kind != ARM_REG)
        return false;
    if (ops[0].reg == ARM_SP && n == 3 && ops[1].reg == ARM_SP && ops[2].kind == ARM_NUMBER) {
        tlsflow_move_stack(flow, is_add ? ops[2].number : is_sub ? -ops[2].number : 0);
        return true;
    }
    if (ops[0].reg == ARM_SP && ops[1].reg == ARM_FRAME) {
        tlsflow_leave_frame(flow);
        tlsflow_move_stack(flow, n == 3 ? (is_sub ? -ops[2].number : ops[2].number) : 0);
        return true;
    }
    if (ops[0].reg == ARM_FRAME && ops[1].reg == ARM_SP && (is_mov || is_add)) {
        tlsflow_point_frame(flow, n == 3 ? ops[2].number : 0);
        return true;
    }
    return false;
}

static void arm_step(struct tlsflow *flow, const struct tlsscan_insn *insn)
{
    static const char *const reads_only[] = {"cmp", "cmn", "tst", "ccmp", "ccmn", "nop", "msr",
                                             "fcmp", "fcmpe", "prfm", "bti", "dmb", "dsb", "isb",
                                             "hint", NULL};
    static const char *const sums[] = {"add", "sub", "and", "orr", "csel", NULL};
    struct arm_operand ops[ARM_OPERANDS];
    size_t n = arm_operands(insn->operands, ops);
    if (n == 0 || arm_is_one_of(insn->name, reads_only))
        return;
    for (size_t i = 0; i < n; i++) {
        if (ops[i].kind == ARM_MEMORY) {
            arm_step_memory(flow, insn, ops, i);
            return;
        }
    }
    if (arm_step_stack(flow, insn, ops, n))
        return;
    if (strcmp(insn->name, "mrs") == 0 && strstr(insn->operands, "tpidr_el0")) {
        arm_put(flow, &ops[0], tlsflow_fresh(flow));
    } else if (strcmp(insn->name, "mov") == 0 && n == 2) {
        arm_put(flow, &ops[0], arm_get(flow, &ops[1]));
    } else if (arm_is_one_of(insn->name, sums) && n >= 3) {
        arm_put(flow, &ops[0], tlsflow_worse(arm_get(flow, &ops[1]), arm_get(flow, &ops[2])));
    } else {
        arm_put(flow, &ops[0], arm_nothing);
    }
}

const struct tlsscan_arch tlsarm_arch = {
    .name = "aarch64",
    .objdump = "aarch64-linux-gnu-objdump",
    .machine = EM_AARCH64,
    .result = 0,
    .stack = ARM_SP,
    .frame = ARM_FRAME,
    .args = 0xffu,
    .kept = 0x3ff80000u | 1u << ARM_SP, /* x19 to x29 */
    .flow = arm_flow,
    .step = arm_step,
    .is_descriptor_call = arm_is_descriptor_call,
};
