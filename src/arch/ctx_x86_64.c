/* ctx_x86_64.c - the stack switch for x86-64, System V ABI.
 *
 * The frame of a parked context, from its sp upwards:
 *
 *     0 MXCSR   4 x87 control word   8 r15  16 r14  24 r13  32 r12  40 rbx  48 rbp  56 resume at
 *
 * All but the resume address, which the call itself has pushed, is written below rsp: 56 bytes of
 * the 128 there that no signal handler touches.  Plain stores and loads, because a chain of pushes
 * and pops through two stacks was half a nanosecond slower.
 *
 * It ends in a `ret`.  The processor predicts that from the return stack buffer, which holds the
 * calls of the stack that was left; but core/worker.c switches between tasks at one place only, so
 * the address is the same on every stack, and so are most of those that follow it outwards.  A jump
 * to the resume address would leave the call's entry in that buffer, and every `ret` up to the
 * user's code would be predicted one off: measured, 45 ns a yield instead of 20.
 *
 * Control-flow enforcement.  IBT concerns calls and jumps only.  Shadow stacks: a processor that
 * keeps one would fault at this `ret`, because we do not switch it along.  So this object must not
 * claim SHSTK.  The note that claims is the compiler's, and a linker joins the claims within one
 * object, so nothing written here could take it back: the build compiles this file with
 * -fcf-protection=branch, and weft__ctx_make checks that none is active.
 *
 * CFI describes every instruction.  Up to `movq %rcx, %rsp` nothing has changed since the call;
 * behind it the frame of the context entered lies at rsp and stays readable, so the registers may
 * be found there to the end.  A debugger unwinds a parked context from pc = weft__ctx_resumed, sp =
 * its sp.  Unwinding ends at weft__ctx_start: its return address is undefined, and the rbp it is
 * entered with is 0.
 *
 * MXCSR and x87 control word are loaded only when they differ: loading costs more than looking.
 * In MXCSR the bits below 0x40 are sticky flags, which do not count.
 *
 * SPDX-License-Identifier: MIT
 */
#include "arch/ctx.h"

#include <assert.h>

struct ctx_frame {
    uint32_t mxcsr;
    uint16_t x87;
    uint16_t unused;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t resume;
};

static_assert(sizeof(struct ctx_frame) == 64, "weft__ctx_switch loads this");

enum {
    CTX_MXCSR_DEFAULT = 0x1f80, /* all exceptions masked, to nearest */
    CTX_X87_DEFAULT = 0x037f,   /* the same, and 64 bits of precision */
};

const char weft__ctx_name[] = "x86_64";

void weft__ctx_start(void); /* below; never called, only jumped into */

/* clang-format off */
__asm__(
    "    .pushsection .text, \"ax\", @progbits\n"
    "    .p2align 6\n"
    "    .globl weft__ctx_switch\n"
    "    .hidden weft__ctx_switch\n"
    "    .type weft__ctx_switch, @function\n"
    "weft__ctx_switch:\n"
    "    .cfi_startproc\n"
    "    endbr64\n"
    "    movq %r15, -48(%rsp)\n"
    "    movq %r14, -40(%rsp)\n"
    "    movq %r13, -32(%rsp)\n"
    "    movq %r12, -24(%rsp)\n"
    "    movq %rbx, -16(%rsp)\n"
    "    movq %rbp, -8(%rsp)\n"
    "    stmxcsr -56(%rsp)\n"
    "    fnstcw -52(%rsp)\n"
    "    movq (%rsi), %rcx\n"
    "    leaq -56(%rsp), %rax\n"
    "    movq %rax, (%rdi)\n"
    "    movl (%rcx), %eax\n"
    "    xorl -56(%rsp), %eax\n"
    "    testl $0xffc0, %eax\n"
    "    jne 2f\n"
    "1:  movzwl 4(%rcx), %eax\n"
    "    cmpw -52(%rsp), %ax\n"
    "    jne 3f\n"
    "4:  movq %rcx, %rsp\n"
    "    .cfi_remember_state\n"
    "    .cfi_def_cfa_offset 64\n"
    "    .cfi_offset rbp, -16\n"
    "    .cfi_offset rbx, -24\n"
    "    .cfi_offset r12, -32\n"
    "    .cfi_offset r13, -40\n"
    "    .cfi_offset r14, -48\n"
    "    .cfi_offset r15, -56\n"
    "weft__ctx_resumed:\n"
    "    movq 8(%rsp), %r15\n"
    "    movq 16(%rsp), %r14\n"
    "    movq 24(%rsp), %r13\n"
    "    movq 32(%rsp), %r12\n"
    "    movq 40(%rsp), %rbx\n"
    "    movq 48(%rsp), %rbp\n"
    "    movq %rdx, %rax\n"
    "    addq $56, %rsp\n"
    "    .cfi_def_cfa_offset 8\n"
    "    ret\n"
    "    .cfi_restore_state\n"
    "2:  ldmxcsr (%rcx)\n"
    "    jmp 1b\n"
    "3:  fldcw 4(%rcx)\n"
    "    jmp 4b\n"
    "    .cfi_endproc\n"
    "    .size weft__ctx_switch, . - weft__ctx_switch\n"
    "\n"
    /* An unwinder looks up the address before the one to return to: the nop belongs to us. */
    "    .p2align 4\n"
    "    .globl weft__ctx_start\n"
    "    .hidden weft__ctx_start\n"
    "    .type weft__ctx_start, @function\n"
    "weft__ctx_start:\n"
    "    .cfi_startproc\n"
    "    .cfi_undefined rip\n"
    "    nop\n"
    "    endbr64\n"
    "    movq %r13, %rdi\n"
    "    callq *%r12\n"
    "    ud2\n"
    "    .cfi_endproc\n"
    "    .size weft__ctx_start, . - weft__ctx_start\n"
    "    .popsection\n"
    "    .pushsection .note.GNU-stack, \"\", @progbits\n"
    "    .popsection\n");
/* clang-format on */

/* rdsspq does nothing where there is no shadow stack, so it leaves the 0. */
static bool ctx_shadow_stack_is_on(void)
{
    uint64_t ssp = 0;
    __asm__ volatile("rdsspq %0" : "+r"(ssp));
    return ssp != 0;
}

/* Unseen by the sanitizers: this memory was another task's a moment ago, and they cannot know that
 * it is handed over. */
WEFT_NO_SANITIZE
void weft__ctx_make(struct weft__ctx *c, void *stack_top, void (*entry)(void *), void *arg)
{
    WEFT_CHECK((uintptr_t)stack_top % 16 == 0);
    WEFT_CHECK(!ctx_shadow_stack_is_on());
    struct ctx_frame *frame = (struct ctx_frame *)stack_top - 1;
    frame->mxcsr = CTX_MXCSR_DEFAULT;
    frame->x87 = CTX_X87_DEFAULT;
    frame->unused = 0;
    frame->r15 = 0;
    frame->r14 = 0;
    frame->r13 = (uintptr_t)arg;
    frame->r12 = (uintptr_t)entry;
    frame->rbx = 0;
    frame->rbp = 0;
    frame->resume = (uintptr_t)weft__ctx_start + 1; /* behind the nop */
    c->sp = frame;
}
