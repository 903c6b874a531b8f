/* tlsflow.c - follows the addresses of thread-locals through a function.
 *
 * For each register and each place on the stack: does it hold the address of a thread-local, where
 * was that taken, and has a call been made since that may have parked the task?  Blocks of
 * instructions are gone through until nothing changes; where paths meet, the worse is kept.  Then
 * once more to report: memory reached through such an address, its being handed to a call or
 * returned.
 *
 * What it does not see: addresses kept in memory other than the function's own frame or in vector
 * registers, what goes on in a part of the function that the compiler has moved away (f.cold), and
 * the way into a C++ landing pad.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "tlsscan.h"
#include "words.h"

enum { TLSFLOW_SLOTS = 24, TLSFLOW_ROUNDS = 8 };

struct tlsflow_kept {
    int64_t at;
    struct tlsflow_value value;
};

struct tlsflow_state {
    bool is_reached, is_new;
    bool has_frame;
    int64_t stack, frame; /* distances from the stack pointer at the entry */
    size_t kept_count;
    struct tlsflow_value regs[TLSSCAN_REGS];
    struct tlsflow_kept kept[TLSFLOW_SLOTS];
};

struct tlsflow {
    struct tlsscan_program *program;
    const struct tlsscan_arch *arch;
    const struct tlsscan_function *function;
    struct tlsscan_findings *findings; /* NULL: not yet */
    bool perhaps;
    bool gives; /* a return with such an address was seen */
    bool has_indirect_jump;
    size_t at; /* the instruction, counted in the program */
    struct tlsflow_state now;
    /* by instruction of the function: 0, or 1 + the state of the block that begins there */
    uint32_t *blocks;
    bool *is_target; /* a jump leads there */
    size_t insn_room;
    struct tlsflow_state *states;
    size_t state_count, state_room;
};

/* ---- values ---- */

static int tlsflow_rank(struct tlsflow_value value)
{
    return value.taken ? value.parked ? 2 : 1 : 0;
}

struct tlsflow_value tlsflow_worse(struct tlsflow_value a, struct tlsflow_value b)
{
    return tlsflow_rank(b) > tlsflow_rank(a) ? b : a;
}

struct tlsflow_value tlsflow_get(struct tlsflow *flow, int reg)
{
    return reg < 0 ? (struct tlsflow_value){0, 0} : flow->now.regs[reg];
}

void tlsflow_set(struct tlsflow *flow, int reg, struct tlsflow_value value)
{
    if (reg >= 0)
        flow->now.regs[reg] = value;
    if (reg == flow->arch->frame)
        flow->now.has_frame = false;
}

struct tlsflow_value tlsflow_fresh(struct tlsflow *flow)
{
    return (struct tlsflow_value){.taken = (uint32_t)flow->at + 1};
}

/* ---- the stack ---- */

bool tlsflow_slot(struct tlsflow *flow, int reg, int64_t distance, int64_t *ret_slot)
{
    if (reg == flow->arch->stack)
        *ret_slot = flow->now.stack + distance;
    else if (reg == flow->arch->frame && flow->now.has_frame)
        *ret_slot = flow->now.frame + distance;
    else
        return false;
    return true;
}

/* The place's entry; made, if asked and if there is room; or NULL. */
static struct tlsflow_kept *tlsflow_kept(struct tlsflow_state *state, int64_t slot, bool make)
{
    for (size_t i = 0; i < state->kept_count; i++) {
        if (state->kept[i].at == slot)
            return &state->kept[i];
    }
    if (!make || state->kept_count == TLSFLOW_SLOTS)
        return NULL;
    state->kept[state->kept_count] = (struct tlsflow_kept){.at = slot};
    return &state->kept[state->kept_count++];
}

struct tlsflow_value tlsflow_load(struct tlsflow *flow, int64_t slot)
{
    const struct tlsflow_kept *kept = tlsflow_kept(&flow->now, slot, false);
    return kept ? kept->value : (struct tlsflow_value){0, 0};
}

void tlsflow_store(struct tlsflow *flow, int64_t slot, struct tlsflow_value value)
{
    struct tlsflow_kept *kept = tlsflow_kept(&flow->now, slot, value.taken != 0);
    if (kept)
        kept->value = value;
}

void tlsflow_move_stack(struct tlsflow *flow, int64_t by)
{
    flow->now.stack += by;
}

void tlsflow_point_frame(struct tlsflow *flow, int64_t distance)
{
    flow->now.frame = flow->now.stack + distance;
    flow->now.has_frame = true;
    flow->now.regs[flow->arch->frame] = (struct tlsflow_value){0, 0};
}

void tlsflow_leave_frame(struct tlsflow *flow)
{
    if (flow->now.has_frame)
        flow->now.stack = flow->now.frame;
}

/* ---- reporting ---- */

static bool tlsflow_is_local_reloc(const struct tlsscan_insn *insn)
{
    return insn->symbol[0] && insn->symbol[0] != '.' &&
           (strstr(insn->reloc, "TLS") || strstr(insn->reloc, "TPOFF") ||
            strstr(insn->reloc, "TPREL"));
}

/* What is taken, told by a name nearby: at the use, at the taking, or a little around that. */
static const char *tlsflow_variable(const struct tlsflow *flow, size_t taken, size_t used)
{
    const struct tlsscan_insn *insns = flow->program->insns;
    const struct tlsscan_function *function = flow->function;
    const char *given = insns[taken].target ? tlsscan_target_gives(insns[taken].target) : NULL;
    if (given && given[0])
        return given;
    if (tlsflow_is_local_reloc(&insns[used]))
        return insns[used].symbol;
    size_t low = taken > function->first + 3 ? taken - 3 : function->first;
    for (size_t i = low; i < function->first + function->count && i <= taken + 3; i++) {
        if (tlsflow_is_local_reloc(&insns[i]))
            return insns[i].symbol;
    }
    return NULL;
}

/* One finding for each taking of an address is enough. */
static bool tlsflow_is_told(const struct tlsflow *flow, const struct tlsscan_insn *taken)
{
    for (size_t i = flow->findings->n; i > 0; i--) {
        const struct tlsscan_finding *one = &flow->findings->at[i - 1];
        if (one->function != flow->function)
            return false;
        if (one->taken == taken)
            return true;
    }
    return false;
}

static void tlsflow_report(struct tlsflow *flow, struct tlsflow_value value)
{
    struct tlsscan_findings *findings = flow->findings;
    const struct tlsscan_insn *insns = flow->program->insns;
    if (!findings || !value.taken || !value.parked ||
        tlsflow_is_told(flow, &insns[value.taken - 1]))
        return;
    if (findings->n == findings->room) {
        size_t room = findings->room ? 2 * findings->room : 16;
        struct tlsscan_finding *larger = words_alloc(room * sizeof *larger);
        if (findings->n)
            memcpy(larger, findings->at, findings->n * sizeof *larger);
        findings->at = larger;
        findings->room = room;
    }
    const struct tlsscan_insn *parked = &insns[value.parked - 1];
    findings->at[findings->n++] = (struct tlsscan_finding){
        .function = flow->function,
        .variable = tlsflow_variable(flow, value.taken - 1, flow->at),
        .parker = parked->target ? parked->target->name : "",
        .parks = parked->target ? tlsscan_target_parks(parked->target) : TLSSCAN_PERHAPS,
        .taken = &insns[value.taken - 1],
        .parked = parked,
        .used = &insns[flow->at],
    };
}

void tlsflow_reach(struct tlsflow *flow, int reg)
{
    tlsflow_report(flow, tlsflow_get(flow, reg));
}

/* ---- calls and jumps ---- */

static void tlsflow_age(struct tlsflow *flow)
{
    uint32_t here = (uint32_t)flow->at + 1;
    for (int reg = 0; reg < TLSSCAN_REGS; reg++) {
        if (flow->now.regs[reg].taken && !flow->now.regs[reg].parked)
            flow->now.regs[reg].parked = here;
    }
    for (size_t i = 0; i < flow->now.kept_count; i++) {
        if (flow->now.kept[i].value.taken && !flow->now.kept[i].value.parked)
            flow->now.kept[i].value.parked = here;
    }
}

static void tlsflow_hand_over(struct tlsflow *flow)
{
    for (int reg = 0; reg < TLSSCAN_REGS; reg++) {
        if (flow->arch->args >> reg & 1)
            tlsflow_reach(flow, reg);
    }
}

/* False: it does not come back. */
static bool tlsflow_call(struct tlsflow *flow, const struct tlsscan_insn *insn)
{
    static const struct tlsflow_value nothing;
    const struct tlsscan_target *target = insn->target;
    if (!target && flow->arch->is_descriptor_call(flow->program, flow->at)) {
        tlsflow_set(flow, flow->arch->result, nothing); /* a distance, no address */
        return true;
    }
    tlsflow_hand_over(flow);
    if (target && tlsscan_target_ends(target))
        return false;
    enum tlsscan_parks parks = target ? tlsscan_target_parks(target) : TLSSCAN_PERHAPS;
    if (parks == TLSSCAN_MAY || (parks == TLSSCAN_PERHAPS && flow->perhaps))
        tlsflow_age(flow);
    for (int reg = 0; reg < TLSSCAN_REGS; reg++) {
        if (!(flow->arch->kept >> reg & 1))
            flow->now.regs[reg] = nothing;
    }
    if (target && tlsscan_target_gives(target))
        tlsflow_set(flow, flow->arch->result, tlsflow_fresh(flow));
    return true;
}

static void tlsflow_return(struct tlsflow *flow)
{
    struct tlsflow_value result = tlsflow_get(flow, flow->arch->result);
    tlsflow_report(flow, result);
    flow->gives |= result.taken != 0;
}

/* ---- blocks ---- */

/* The function's instruction at an address, counted from its first; its count: none. */
static size_t tlsflow_find_insn(const struct tlsflow *flow, uint64_t address)
{
    const struct tlsscan_insn *insns = &flow->program->insns[flow->function->first];
    size_t low = 0, high = flow->function->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (insns[middle].address == address)
            return middle;
        if (insns[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return flow->function->count;
}

static bool tlsflow_raise(struct tlsflow_value *value, struct tlsflow_value other)
{
    struct tlsflow_value worse = tlsflow_worse(*value, other);
    bool changes = tlsflow_rank(worse) != tlsflow_rank(*value);
    if (changes)
        *value = worse;
    return changes;
}

static void tlsflow_meet(struct tlsflow *flow, size_t insn)
{
    if (insn >= flow->function->count || !flow->blocks[insn] || flow->findings)
        return;
    struct tlsflow_state *state = &flow->states[flow->blocks[insn] - 1];
    if (!state->is_reached) {
        *state = flow->now;
        state->is_reached = state->is_new = true;
        return;
    }
    for (int reg = 0; reg < TLSSCAN_REGS; reg++)
        state->is_new |= tlsflow_raise(&state->regs[reg], flow->now.regs[reg]);
    for (size_t i = 0; i < flow->now.kept_count; i++) {
        const struct tlsflow_kept *from = &flow->now.kept[i];
        struct tlsflow_kept *kept = tlsflow_kept(state, from->at, from->value.taken != 0);
        if (kept)
            state->is_new |= tlsflow_raise(&kept->value, from->value);
    }
}

/* A table of jumps may lead to whatever no other jump leads to. */
static void tlsflow_meet_orphans(struct tlsflow *flow)
{
    for (size_t i = 1; i < flow->function->count; i++) {
        if (flow->blocks[i] && !flow->is_target[i])
            tlsflow_meet(flow, i);
    }
}

static size_t tlsflow_jump_target(const struct tlsflow *flow, const struct tlsscan_insn *insn)
{
    return tlsflow_find_insn(flow, insn->target->address);
}

/* False: the block has ended. */
static bool tlsflow_do(struct tlsflow *flow, const struct tlsscan_insn *insn)
{
    size_t none = flow->function->count, to;
    switch (flow->arch->flow(insn)) {
    case TLSSCAN_NEXT:
        flow->arch->step(flow, insn);
        return true;
    case TLSSCAN_CALL:
    case TLSSCAN_CALL_INDIRECT:
        return tlsflow_call(flow, insn);
    case TLSSCAN_BRANCH:
        tlsflow_meet(flow, tlsflow_jump_target(flow, insn));
        return true;
    case TLSSCAN_JUMP:
        to = tlsflow_jump_target(flow, insn);
        if (to != none) {
            tlsflow_meet(flow, to);
        } else {
            tlsflow_hand_over(flow);
            flow->gives |= tlsscan_target_gives(insn->target) != NULL;
        }
        return false;
    case TLSSCAN_JUMP_INDIRECT:
        tlsflow_meet_orphans(flow);
        return false;
    case TLSSCAN_RETURN:
        tlsflow_return(flow);
        return false;
    }
    return false;
}

static void tlsflow_do_block(struct tlsflow *flow, size_t first)
{
    const struct tlsscan_function *function = flow->function;
    flow->now = flow->states[flow->blocks[first] - 1];
    for (size_t i = first; i < function->count; i++) {
        if (i > first && flow->blocks[i]) {
            tlsflow_meet(flow, i);
            return;
        }
        flow->at = function->first + i;
        if (!tlsflow_do(flow, &flow->program->insns[flow->at]))
            return;
    }
}

/* ---- a function ---- */

static void tlsflow_begin_block(struct tlsflow *flow, size_t insn)
{
    if (insn >= flow->function->count || flow->blocks[insn])
        return;
    if (flow->state_count == flow->state_room) {
        size_t room = flow->state_room ? 2 * flow->state_room : 256;
        flow->states = words_alloc(room * sizeof *flow->states);
        flow->state_room = room;
    }
    flow->blocks[insn] = (uint32_t)++flow->state_count;
}

/* Where blocks begin.  States are made when all are known. */
static void tlsflow_cut(struct tlsflow *flow)
{
    const struct tlsscan_function *function = flow->function;
    if (function->count > flow->insn_room) {
        flow->insn_room = 2 * function->count;
        flow->blocks = words_alloc(flow->insn_room * sizeof *flow->blocks);
        flow->is_target = words_alloc(flow->insn_room * sizeof *flow->is_target);
    }
    memset(flow->blocks, 0, function->count * sizeof *flow->blocks);
    memset(flow->is_target, 0, function->count * sizeof *flow->is_target);
    flow->state_count = 0;
    tlsflow_begin_block(flow, 0);
    for (size_t i = 0; i < function->count; i++) {
        const struct tlsscan_insn *insn = &flow->program->insns[function->first + i];
        enum tlsscan_flow kind = flow->arch->flow(insn);
        if (kind == TLSSCAN_JUMP || kind == TLSSCAN_BRANCH) {
            size_t to = tlsflow_jump_target(flow, insn);
            tlsflow_begin_block(flow, to);
            if (to < function->count)
                flow->is_target[to] = true;
        }
        if (kind == TLSSCAN_JUMP || kind == TLSSCAN_JUMP_INDIRECT || kind == TLSSCAN_RETURN ||
            (kind == TLSSCAN_CALL && tlsscan_target_ends(insn->target)))
            tlsflow_begin_block(flow, i + 1);
    }
    memset(flow->states, 0, flow->state_count * sizeof *flow->states);
}

static void tlsflow_do_function(struct tlsflow *flow, const struct tlsscan_function *function,
                                struct tlsscan_findings *findings)
{
    bool is_more = true;
    flow->function = function;
    flow->findings = NULL;
    flow->gives = false;
    tlsflow_cut(flow);
    flow->states[0].is_reached = flow->states[0].is_new = true;
    while (is_more) {
        is_more = false;
        for (size_t i = 0; i < function->count; i++) {
            if (!flow->blocks[i] || !flow->states[flow->blocks[i] - 1].is_new)
                continue;
            flow->states[flow->blocks[i] - 1].is_new = false;
            tlsflow_do_block(flow, i);
            is_more = true;
        }
    }
    flow->findings = findings;
    for (size_t i = 0; findings && i < function->count; i++) {
        if (flow->blocks[i] && flow->states[flow->blocks[i] - 1].is_reached)
            tlsflow_do_block(flow, i);
    }
}

void tlsflow_find(struct tlsscan_program *program, bool perhaps,
                  struct tlsscan_findings *ret_findings)
{
    struct tlsflow flow = {.program = program, .arch = program->arch, .perhaps = perhaps};
    bool changes = true;
    *ret_findings = (struct tlsscan_findings){0};
    /* Functions that give such addresses may call each other. */
    for (int round = 0; changes && round < TLSFLOW_ROUNDS; round++) {
        changes = false;
        for (size_t i = 0; i < program->function_count; i++) {
            struct tlsscan_function *function = &program->functions[i];
            if (function->is_ours || function->gives_local || !function->count)
                continue;
            tlsflow_do_function(&flow, function, NULL);
            function->gives_local = flow.gives;
            changes |= flow.gives;
        }
    }
    for (size_t i = 0; i < program->function_count; i++) {
        const struct tlsscan_function *function = &program->functions[i];
        if (!function->is_ours && function->count && function->parks != TLSSCAN_NEVER)
            tlsflow_do_function(&flow, function, ret_findings);
    }
}
