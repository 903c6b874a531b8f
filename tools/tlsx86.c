/* tlsx86.c - what x86-64's instructions do to addresses of thread-locals, as objdump writes them.
 *
 * The thread pointer is read by `mov %fs:0x0,%rax`; with a relocation of its own the same
 * instruction reads a variable, which is no address.  `%fs:` before another operand is always the
 * running thread's.
 *
 * SPDX-License-Identifier: MIT
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "tlsscan.h"

enum { X86_AX, X86_CX, X86_DX, X86_BX, X86_SP, X86_BP, X86_SI, X86_DI, X86_R8, X86_NONE = -1 };

enum { X86_OPERANDS = 4 };

struct x86_operand {
    enum { X86_OTHER, X86_REG, X86_MEMORY, X86_NUMBER } kind;
    int reg, base, index;
    bool is_whole; /* a register of 64 bits */
    bool is_local; /* begins with %fs: */
    int64_t number; /* or the distance */
};

/* ---- operands ---- */

static const char *const x86_names[][4] = {
    {"rax", "eax", "ax", "al"},   {"rcx", "ecx", "cx", "cl"},   {"rdx", "edx", "dx", "dl"},
    {"rbx", "ebx", "bx", "bl"},   {"rsp", "esp", "sp", "spl"},  {"rbp", "ebp", "bp", "bpl"},
    {"rsi", "esi", "si", "sil"},  {"rdi", "edi", "di", "dil"},
};

/* "%rax", "%r12d"; the register, or X86_NONE. */
static int x86_reg(const char *s, size_t length, bool *ret_whole)
{
    *ret_whole = false;
    if (length < 2 || *s != '%')
        return X86_NONE;
    s++;
    length--;
    if (s[0] == 'r' && s[1] >= '0' && s[1] <= '9') {
        char *end;
        long number = strtol(s + 1, &end, 10);
        *ret_whole = end == s + length;
        return number < 16 ? (int)number : X86_NONE;
    }
    for (int reg = 0; reg < X86_R8; reg++) {
        for (int width = 0; width < 4; width++) {
            const char *name = x86_names[reg][width];
            if (strlen(name) == length && memcmp(name, s, length) == 0) {
                *ret_whole = width == 0;
                return reg;
            }
        }
    }
    return X86_NONE;
}

static int64_t x86_number(const char *s)
{
    bool is_negative = *s == '-';
    uint64_t number = strtoull(s + is_negative, NULL, 0);
    return is_negative ? -(int64_t)number : (int64_t)number;
}

/* "0x8(%rsp,%rax,8)", "%fs:0x0" */
static void x86_memory(const char *s, size_t length, struct x86_operand *ret)
{
    bool whole;
    ret->kind = X86_MEMORY;
    if (length > 4 && s[0] == '%' && s[3] == ':') {
        ret->is_local = s[1] == 'f' && s[2] == 's';
        s += 4;
        length -= 4;
    }
    ret->number = x86_number(s);
    const char *open = memchr(s, '(', length);
    if (!open)
        return;
    const char *end = s + length, *at = open + 1;
    size_t n = strcspn(at, ",)");
    ret->base = x86_reg(at, n, &whole);
    at += n;
    if (at < end && *at == ',') {
        at++;
        ret->index = x86_reg(at, strcspn(at, ",)"), &whole);
    }
}

static void x86_operand(const char *s, size_t length, struct x86_operand *ret)
{
    *ret = (struct x86_operand){.reg = X86_NONE, .base = X86_NONE, .index = X86_NONE};
    if (length && *s == '*') {
        s++;
        length--;
    }
    if (!length)
        return;
    ret->reg = x86_reg(s, length, &ret->is_whole);
    if (*s == '$') {
        ret->kind = X86_NUMBER;
        ret->number = x86_number(s + 1);
    } else if (ret->reg != X86_NONE) {
        ret->kind = X86_REG;
    } else if (*s != '%' || (length > 3 && s[3] == ':')) {
        x86_memory(s, length, ret);
    }
}

static size_t x86_operands(const char *s, struct x86_operand *ret)
{
    size_t n = 0;
    while (*s && n < X86_OPERANDS) {
        size_t length = 0;
        for (int depth = 0; s[length] && (depth || s[length] != ','); length++)
            depth += (s[length] == '(') - (s[length] == ')');
        x86_operand(s, length, &ret[n++]);
        s += length + (s[length] == ',');
    }
    return n;
}

/* ---- kinds of instructions ---- */

static bool x86_is(const char *name, const char *word)
{
    size_t length = strlen(word);
    return strncmp(name, word, length) == 0 &&
           (!name[length] || (!name[length + 1] && strchr("bwlq", name[length])));
}

static bool x86_is_one_of(const char *name, const char *const *words)
{
    for (; *words; words++) {
        if (x86_is(name, *words))
            return true;
    }
    return false;
}

static enum tlsscan_flow x86_flow(const struct tlsscan_insn *insn)
{
    const char *name = insn->name;
    bool is_indirect = insn->operands[0] == '*';
    if (x86_is(name, "call"))
        return is_indirect ? TLSSCAN_CALL_INDIRECT : TLSSCAN_CALL;
    if (x86_is(name, "jmp"))
        return is_indirect ? TLSSCAN_JUMP_INDIRECT : TLSSCAN_JUMP;
    if (name[0] == 'j' || strncmp(name, "loop", 4) == 0)
        return TLSSCAN_BRANCH;
    if (x86_is(name, "ret") || x86_is(name, "iret") || strncmp(name, "ud2", 3) == 0 ||
        x86_is(name, "hlt"))
        return TLSSCAN_RETURN;
    return TLSSCAN_NEXT;
}

/* `lea x@tlsdesc(%rip),%rax`, then `call *(%rax)`, which keeps all other registers. */
static bool x86_is_descriptor_call(const struct tlsscan_program *program, size_t insn)
{
    const struct tlsscan_insn *call = &program->insns[insn];
    if (strstr(call->reloc, "TLSDESC"))
        return true;
    return insn > 0 && strcmp(call->operands, "*(%rax)") == 0 && x86_is(call[-1].name, "lea") &&
           strstr(call[-1].operands, "(%rip),%rax");
}

/* ---- what they do ---- */

static const struct tlsflow_value x86_nothing;

static bool x86_is_thread_pointer(const struct tlsscan_insn *insn, const struct x86_operand *from)
{
    return from->kind == X86_MEMORY && from->is_local && from->base == X86_NONE &&
           from->index == X86_NONE && from->number == 0 && !insn->symbol[0];
}

static struct tlsflow_value x86_read(struct tlsflow *flow, const struct tlsscan_insn *insn,
                                     const struct x86_operand *from)
{
    int64_t slot;
    if (from->kind == X86_REG && from->is_whole)
        return tlsflow_get(flow, from->reg);
    if (x86_is_thread_pointer(insn, from))
        return tlsflow_fresh(flow);
    if (from->kind == X86_MEMORY && !from->is_local && from->index == X86_NONE &&
        tlsflow_slot(flow, from->base, from->number, &slot))
        return tlsflow_load(flow, slot);
    return x86_nothing;
}

static void x86_write(struct tlsflow *flow, const struct x86_operand *to,
                      struct tlsflow_value value)
{
    int64_t slot;
    if (to->kind == X86_REG)
        tlsflow_set(flow, to->reg, to->is_whole ? value : x86_nothing);
    else if (to->kind == X86_MEMORY && !to->is_local && to->index == X86_NONE &&
             tlsflow_slot(flow, to->base, to->number, &slot))
        tlsflow_store(flow, slot, value);
}

/* push, pop, leave, and arithmetic on the stack pointer.  False: it is none of these. */
static bool x86_step_stack(struct tlsflow *flow, const struct tlsscan_insn *insn,
                           const struct x86_operand *ops, size_t n)
{
    const char *name = insn->name;
    int64_t top;
    if (x86_is(name, "push") && n == 1) {
        struct tlsflow_value value = x86_read(flow, insn, &ops[0]);
        tlsflow_move_stack(flow, -8);
        if (tlsflow_slot(flow, X86_SP, 0, &top))
            tlsflow_store(flow, top, value);
    } else if (x86_is(name, "pop") && n == 1) {
        if (tlsflow_slot(flow, X86_SP, 0, &top))
            x86_write(flow, &ops[0], tlsflow_load(flow, top));
        tlsflow_move_stack(flow, 8);
    } else if (x86_is(name, "leave")) {
        int64_t saved;
        tlsflow_leave_frame(flow);
        if (tlsflow_slot(flow, X86_SP, 0, &saved))
            tlsflow_set(flow, X86_BP, tlsflow_load(flow, saved));
        tlsflow_move_stack(flow, 8);
    } else if (n == 2 && ops[1].kind == X86_REG && ops[1].reg == X86_SP) {
        if (x86_is(name, "sub") && ops[0].kind == X86_NUMBER)
            tlsflow_move_stack(flow, -ops[0].number);
        else if (x86_is(name, "add") && ops[0].kind == X86_NUMBER)
            tlsflow_move_stack(flow, ops[0].number);
        else if (x86_is(name, "lea") && ops[0].base == X86_SP && ops[0].index == X86_NONE)
            tlsflow_move_stack(flow, ops[0].number);
        else if (x86_is(name, "lea") && ops[0].base == X86_BP) {
            tlsflow_leave_frame(flow);
            tlsflow_move_stack(flow, ops[0].number);
        } else if (x86_is(name, "mov"))
            tlsflow_leave_frame(flow);
    } else {
        return false;
    }
    return true;
}

/* Sums of an address and something else are addresses, too. */
static bool x86_step_sum(struct tlsflow *flow, const struct tlsscan_insn *insn,
                         const struct x86_operand *ops, size_t n)
{
    const struct x86_operand *from = &ops[0], *to = &ops[n - 1];
    if (x86_is(insn->name, "lea") && n == 2) {
        tlsflow_set(flow, to->reg, tlsflow_worse(tlsflow_get(flow, from->base),
                                                 tlsflow_get(flow, from->index)));
    } else if ((x86_is(insn->name, "add") || x86_is(insn->name, "cmov")) && n == 2) {
        x86_write(flow, to, tlsflow_worse(x86_read(flow, insn, from), x86_read(flow, insn, to)));
    } else if ((x86_is(insn->name, "sub") || x86_is(insn->name, "and") ||
                x86_is(insn->name, "or")) && n == 2 && from->kind == X86_NUMBER) {
        x86_write(flow, to, x86_read(flow, insn, to));
    } else {
        return false;
    }
    return true;
}

static void x86_step(struct tlsflow *flow, const struct tlsscan_insn *insn)
{
    static const char *const reads_only[] = {"cmp", "test", "bt", "nop", "endbr64", "prefetcht0",
                                             "comisd", "ucomisd", "comiss", "ucomiss", NULL};
    static const char *const wide[] = {"mul", "imul", "div", "idiv", "cqto", "cltd", "cqo", "cdq",
                                       "cpuid", "rdtsc", "syscall", "cmpxchg", NULL};
    struct x86_operand ops[X86_OPERANDS];
    size_t n = x86_operands(insn->operands, ops);
    bool is_cmov = strncmp(insn->name, "cmov", 4) == 0, is_lea = x86_is(insn->name, "lea");
    if (x86_is(insn->name, "nop"))
        return;
    for (size_t i = 0; i < n && !is_lea; i++) {
        if (ops[i].kind == X86_MEMORY && !ops[i].is_local) {
            tlsflow_reach(flow, ops[i].base);
            tlsflow_reach(flow, ops[i].index);
        }
    }
    if (x86_step_stack(flow, insn, ops, n) || x86_is_one_of(insn->name, reads_only))
        return;
    if (n == 2 && x86_is(insn->name, "mov") && ops[1].reg == X86_BP && ops[0].reg == X86_SP) {
        tlsflow_point_frame(flow, 0);
    } else if (n == 2 && is_lea && ops[1].reg == X86_BP && ops[0].base == X86_SP) {
        tlsflow_point_frame(flow, ops[0].number);
    } else if (n == 2 && is_cmov) {
        x86_write(flow, &ops[1], tlsflow_worse(x86_read(flow, insn, &ops[0]),
                                               x86_read(flow, insn, &ops[1])));
    } else if (n == 2 && (x86_is(insn->name, "mov") || x86_is(insn->name, "movabs"))) {
        x86_write(flow, &ops[1], x86_read(flow, insn, &ops[0]));
    } else if (n == 2 && x86_is(insn->name, "xchg")) {
        struct tlsflow_value first = x86_read(flow, insn, &ops[0]);
        x86_write(flow, &ops[0], x86_read(flow, insn, &ops[1]));
        x86_write(flow, &ops[1], first);
    } else if (n == 0 || !x86_step_sum(flow, insn, ops, n)) {
        if (n > 0)
            x86_write(flow, &ops[n - 1], x86_nothing);
        if (x86_is_one_of(insn->name, wide) && n < 2) {
            tlsflow_set(flow, X86_AX, x86_nothing);
            tlsflow_set(flow, X86_DX, x86_nothing);
        }
    }
}

const struct tlsscan_arch tlsx86_arch = {
    .name = "x86-64",
    .objdump = "x86_64-linux-gnu-objdump",
    .machine = EM_X86_64,
    .result = X86_AX,
    .stack = X86_SP,
    .frame = X86_BP,
    .args = 1u << X86_DI | 1u << X86_SI | 1u << X86_DX | 1u << X86_CX | 1u << 8 | 1u << 9,
    .kept = 1u << X86_BX | 1u << X86_SP | 1u << X86_BP | 0xf000u,
    .flow = x86_flow,
    .step = x86_step,
    .is_descriptor_call = x86_is_descriptor_call,
};
