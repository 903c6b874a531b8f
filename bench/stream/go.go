// go.go - sum and saxpy over long arrays: a goroutine for each equal part.
//
// Against Go: it does not ask for huge pages.
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

func parallel(n, workers int, body func(i, from, to int)) {
	var done sync.WaitGroup
	done.Add(workers)
	for i := 0; i < workers; i++ {
		go func(i int) {
			body(i, n*i/workers, n*(i+1)/workers)
			done.Done()
		}(i)
	}
	done.Wait()
}

// Eight sums side by side, so that one waits for memory and not for the adder.
func sumOf(at []float64) float64 {
	var a, b, c, d, e, f, g, h, rest float64
	for ; len(at) >= 8; at = at[8:] {
		a += at[0]
		b += at[1]
		c += at[2]
		d += at[3]
		e += at[4]
		f += at[5]
		g += at[6]
		h += at[7]
	}
	for _, value := range at {
		rest += value
	}
	return rest + ((a + b) + (c + d)) + ((e + f) + (g + h))
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
	x, y := make([]float64, n), make([]float64, n)
	parallel(n, workers, func(_, from, to int) {
		for i := from; i < to; i++ {
			x[i], y[i] = 1, 0
		}
	})
	ns := meanNs(func() {
		sums, all := make([]float64, workers), 0.0
		parallel(n, workers, func(i, from, to int) { sums[i] = sumOf(x[from:to]) })
		for _, sum := range sums {
			all += sum
		}
		if all != float64(n) {
			panic("sum: a wrong answer")
		}
	})
	fmt.Printf("sum %.6g ms\n", ns/1e6)
	ns = meanNs(func() {
		parallel(n, workers, func(_, from, to int) {
			x, y := x[from:to], y[from:to]
			for i := range x {
				y[i] += 0.5 * x[i]
			}
		})
	})
	if y[0] < 1 || y[0] != y[n-1] {
		panic("saxpy: wrong answers")
	}
	fmt.Printf("saxpy %.6g ms\n", ns/1e6)
}
