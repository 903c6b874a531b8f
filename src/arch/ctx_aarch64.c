/* ctx_aarch64.c - the stack switch for 64-bit Arm, AAPCS64.
 *
 * The frame of a parked context, from its sp upwards: FPCR and a gap (16 bytes), d8 to d15 (64),
 * x19 to x28 (80), x29 and x30 (16).  The ABI wants only the low halves of v8 to v15 kept.
 *
 * It resumes by `ret`, which the return predictor guesses right where all switches come from one
 * place (see ctx_x86_64.c), and which needs no `bti` to land on.  As on x86-64 the note in the
 * object is the compiler's own, since this is a C file.  Pointer authentication: a caller's signed
 * return address lies in the caller's frame and is checked at the same sp, so it survives the move;
 * our copy of x30 is not signed.
 *
 * CFI as in ctx_x86_64.c: one description serves the frame left and the frame entered; a debugger
 * unwinds a parked context from weft__ctx_resumed, and unwinding ends at weft__ctx_start.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/ctx.h"

#include <assert.h>

struct ctx_frame {
    uint64_t fpcr, unused;
    uint64_t d[8];      /* d8 to d15 */
    uint64_t x[10];     /* x19 to x28 */
    uint64_t fp, lr;    /* x29, x30 */
};

static_assert(sizeof(struct ctx_frame) == 176, "weft__ctx_switch loads this");

const char weft__ctx_name[] = "aarch64";

void weft__ctx_start(void); /* below; never called, only jumped into */

/* clang-format off */
__asm__(
    "    .pushsection .text, \"ax\", @progbits\n"
    "    .p2align 6\n"
    "    .globl weft__ctx_switch\n"
    "    .hidden weft__ctx_switch\n"
    "    .type weft__ctx_switch, %function\n"
    "weft__ctx_switch:\n"
    "    .cfi_startproc\n"
    "    hint #34\n"                    /* bti c */
    "    sub sp, sp, #176\n"
    "    .cfi_def_cfa_offset 176\n"
    "    stp d8, d9, [sp, #16]\n"
    "    stp d10, d11, [sp, #32]\n"
    "    stp d12, d13, [sp, #48]\n"
    "    stp d14, d15, [sp, #64]\n"
    "    stp x19, x20, [sp, #80]\n"
    "    stp x21, x22, [sp, #96]\n"
    "    stp x23, x24, [sp, #112]\n"
    "    stp x25, x26, [sp, #128]\n"
    "    stp x27, x28, [sp, #144]\n"
    "    stp x29, x30, [sp, #160]\n"
    "    .cfi_offset 72, -160\n"        /* d8 and so on */
    "    .cfi_offset 73, -152\n"
    "    .cfi_offset 74, -144\n"
    "    .cfi_offset 75, -136\n"
    "    .cfi_offset 76, -128\n"
    "    .cfi_offset 77, -120\n"
    "    .cfi_offset 78, -112\n"
    "    .cfi_offset 79, -104\n"
    "    .cfi_offset x19, -96\n"
    "    .cfi_offset x20, -88\n"
    "    .cfi_offset x21, -80\n"
    "    .cfi_offset x22, -72\n"
    "    .cfi_offset x23, -64\n"
    "    .cfi_offset x24, -56\n"
    "    .cfi_offset x25, -48\n"
    "    .cfi_offset x26, -40\n"
    "    .cfi_offset x27, -32\n"
    "    .cfi_offset x28, -24\n"
    "    .cfi_offset x29, -16\n"
    "    .cfi_offset x30, -8\n"
    "    mrs x3, fpcr\n"
    "    str x3, [sp]\n"
    "    mov x4, sp\n"
    "    str x4, [x0]\n"
    "    ldr x5, [x1]\n"
    "    ldr x6, [x5]\n"
    "    cmp x6, x3\n"
    "    b.ne 2f\n"
    "1:  mov sp, x5\n"
    "weft__ctx_resumed:\n"
    "    mov x0, x2\n"
    "    ldp d8, d9, [sp, #16]\n"
    "    ldp d10, d11, [sp, #32]\n"
    "    ldp d12, d13, [sp, #48]\n"
    "    ldp d14, d15, [sp, #64]\n"
    "    ldp x19, x20, [sp, #80]\n"
    "    ldp x21, x22, [sp, #96]\n"
    "    ldp x23, x24, [sp, #112]\n"
    "    ldp x25, x26, [sp, #128]\n"
    "    ldp x27, x28, [sp, #144]\n"
    "    ldp x29, x30, [sp, #160]\n"
    "    add sp, sp, #176\n"
    "    .cfi_remember_state\n"
    "    .cfi_def_cfa_offset 0\n"
    "    .cfi_restore 72\n"
    "    .cfi_restore 73\n"
    "    .cfi_restore 74\n"
    "    .cfi_restore 75\n"
    "    .cfi_restore 76\n"
    "    .cfi_restore 77\n"
    "    .cfi_restore 78\n"
    "    .cfi_restore 79\n"
    "    .cfi_restore x19\n"
    "    .cfi_restore x20\n"
    "    .cfi_restore x21\n"
    "    .cfi_restore x22\n"
    "    .cfi_restore x23\n"
    "    .cfi_restore x24\n"
    "    .cfi_restore x25\n"
    "    .cfi_restore x26\n"
    "    .cfi_restore x27\n"
    "    .cfi_restore x28\n"
    "    .cfi_restore x29\n"
    "    .cfi_restore x30\n"
    "    ret\n"
    "    .cfi_restore_state\n"
    "2:  msr fpcr, x6\n"
    "    b 1b\n"
    "    .cfi_endproc\n"
    "    .size weft__ctx_switch, . - weft__ctx_switch\n"
    "\n"
    /* An unwinder looks up the address before the one to return to: the nop belongs to us. */
    "    .p2align 4\n"
    "    .globl weft__ctx_start\n"
    "    .hidden weft__ctx_start\n"
    "    .type weft__ctx_start, %function\n"
    "weft__ctx_start:\n"
    "    .cfi_startproc\n"
    "    .cfi_undefined x30\n"
    "    nop\n"
    "    hint #36\n"                    /* bti j */
    "    mov x0, x20\n"
    "    blr x19\n"
    "    brk #0\n"
    "    .cfi_endproc\n"
    "    .size weft__ctx_start, . - weft__ctx_start\n"
    "    .popsection\n"
    "    .pushsection .note.GNU-stack, \"\", %progbits\n"
    "    .popsection\n");
/* clang-format on */

/* Unseen by the sanitizers: this memory was another task's a moment ago, and they cannot know that
 * it is handed over. */
WEFT_NO_SANITIZE
void weft__ctx_make(struct weft__ctx *c, void *stack_top, void (*entry)(void *), void *arg)
{
    WEFT_CHECK((uintptr_t)stack_top % 16 == 0);
    struct ctx_frame *frame = (struct ctx_frame *)stack_top - 1;
    /* The registers not named here start with whatever this memory held. */
    frame->fpcr = 0; /* to nearest, no traps, subnormals kept */
    frame->x[0] = (uintptr_t)entry;
    frame->x[1] = (uintptr_t)arg;
    frame->fp = 0;
    frame->lr = (uintptr_t)weft__ctx_start + 4; /* behind the nop */
    c->sp = frame;
}
