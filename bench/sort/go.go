// go.go - mergesort with a goroutine for each half, and sort.Slice at the bottom.
//
// For Go: its library has no parallel sort, and this is what one writes.  Against it: sort.Slice
// calls a function for each comparison and for each exchange.
//
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"time"
)

const cutOff = 1 << 15

// As par_uts_child of common/par.h.
func nth(i int) int64 {
	x := uint64(i)
	for round := 0; round < 16; round++ {
		x += 0x9E3779B97F4A7C15
		x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
		x = (x ^ (x >> 27)) * 0x94D049BB133111EB
		x ^= x >> 31
	}
	return int64(x)
}

func merge(into, left, right []int64) {
	for i := range into {
		if len(right) == 0 || len(left) > 0 && left[0] <= right[0] {
			into[i], left = left[0], left[1:]
		} else {
			into[i], right = right[0], right[1:]
		}
	}
}

// Sorts at; the answer lies in spare when asked for.
func mergeSort(at, spare []int64, intoSpare bool) {
	if len(at) <= cutOff {
		sort.Slice(at, func(i, j int) bool { return at[i] < at[j] })
		if intoSpare {
			copy(spare, at)
		}
		return
	}
	middle := len(at) / 2
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		mergeSort(at[:middle], spare[:middle], !intoSpare)
		done.Done()
	}()
	mergeSort(at[middle:], spare[middle:], !intoSpare)
	done.Wait()
	if intoSpare {
		merge(spare, at[:middle], at[middle:])
	} else {
		merge(at, spare[:middle], spare[middle:])
	}
}

func run(n int) float64 {
	at, sum := make([]int64, n), int64(0)
	for i := range at {
		at[i] = nth(i)
		sum += at[i]
	}
	start := time.Now()
	mergeSort(at, make([]int64, n), false)
	ns := time.Since(start).Nanoseconds()
	for i, value := range at {
		sum -= value
		if i > 0 && at[i-1] > value {
			panic("sort: a wrong answer")
		}
	}
	if sum != 0 {
		panic("sort: other numbers")
	}
	return float64(ns)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	run(n/100 + 1)
	fmt.Printf("sort %.6g ms\n", run(n)/1e6)
}
