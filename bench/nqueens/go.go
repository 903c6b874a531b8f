// go.go - counts the ways to place n queens: a goroutine for each free place of each row.
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

type board struct{ columns, left, right uint32 }

var queens int

func count(b board, row int) int64 {
	if row == queens {
		return 1
	}
	var counts [32]int64
	var done sync.WaitGroup
	places := 0
	free := ^(b.columns | b.left | b.right) & (1<<queens - 1)
	for ; free != 0; free &= free - 1 {
		column := free & -free
		next := board{b.columns | column, (b.left | column) << 1, (b.right | column) >> 1}
		into := &counts[places]
		places++
		done.Add(1)
		go func() {
			*into = count(next, row+1)
			done.Done()
		}()
	}
	done.Wait()
	solutions := int64(0)
	for _, of := range counts[:places] {
		solutions += of
	}
	return solutions
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
	known := []int64{1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200}
	boards := []float64{1, 2, 3, 6, 17, 54, 153, 552, 2057, 8394, 35539, 166926, 856189}
	queens = n
	ns := meanNs(func() {
		if count(board{}, 0) != known[n] {
			panic("nqueens: a wrong answer")
		}
	})
	fmt.Printf("nqueens %.6g ns\n", ns/boards[n])
}
