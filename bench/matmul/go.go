// go.go - a product of matrices by recursive halves, a goroutine for one of two.
//
// Against Go: its compiler uses no vector instructions.
//
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const block, pad = 32, 8

type product struct {
	a, b, c                      []float64
	rows, columns, inner, stride int
}

// As par_block of common/par.h.
func (p product) compute() {
	for i := 0; i < block; i++ {
		c := p.c[i*p.stride:][:block]
		for k := 0; k < block; k += 4 {
			a := p.a[i*p.stride+k:][:4]
			a0, a1, a2, a3 := a[0], a[1], a[2], a[3]
			b0, b1 := p.b[k*p.stride:][:block], p.b[(k+1)*p.stride:][:block]
			b2, b3 := p.b[(k+2)*p.stride:][:block], p.b[(k+3)*p.stride:][:block]
			for j := range c {
				c[j] += (a0*b0[j] + a1*b1[j]) + (a2*b2[j] + a3*b3[j])
			}
		}
	}
}

func (p product) multiply() {
	if p.rows <= block && p.columns <= block && p.inner <= block {
		p.compute()
		return
	}
	first, second, apart := p, p, true
	if p.rows >= p.columns && p.rows >= p.inner {
		first.rows /= 2
		second.rows = first.rows
		second.a, second.c = p.a[first.rows*p.stride:], p.c[first.rows*p.stride:]
	} else if p.columns >= p.inner {
		first.columns /= 2
		second.columns = first.columns
		second.b, second.c = p.b[first.columns:], p.c[first.columns:]
	} else {
		first.inner /= 2
		second.inner = first.inner
		second.a, second.b = p.a[first.inner:], p.b[first.inner*p.stride:]
		apart = false
	}
	if !apart {
		first.multiply()
		second.multiply()
		return
	}
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		first.multiply()
		done.Done()
	}()
	second.multiply()
	done.Wait()
}

// After so many products into c: each row of c sums up to that row of a, times b's row sums.
func (p product) check(times int) {
	sums := make([]float64, p.inner)
	for k := range sums {
		for _, b := range p.b[k*p.stride:][:p.columns] {
			sums[k] += b
		}
	}
	for i := 0; i < p.rows; i++ {
		wanted := 0.0
		for k, a := range p.a[i*p.stride:][:p.inner] {
			wanted += a * sums[k] * float64(times)
		}
		for _, c := range p.c[i*p.stride:][:p.columns] {
			wanted -= c
		}
		if wanted != 0 {
			panic("matmul: a wrong answer")
		}
	}
}

// As par_mean_ns of common/par.h.
func meanNs(run func()) float64 {
	run()
	start := time.Now()
	for runs := 1; ; runs++ {
		run()
		if passed := time.Since(start); passed >= 100*time.Millisecond {
			return float64(passed.Nanoseconds()) / float64(runs)
		}
	}
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	stride := n + pad
	size := n * stride
	a, b, c := make([]float64, size), make([]float64, size), make([]float64, size)
	for i := range a {
		a[i], b[i] = float64(i*7%8), float64(i*5%8)
	}
	p, times := product{a, b, c, n, n, n, stride}, 0
	ns := meanNs(func() {
		p.multiply()
		times++
	})
	p.check(times)
	fmt.Printf("matmul %.6g ms\n", ns/1e6)
}
