// go.go - counts the nodes of an unbalanced tree: the children of a node by halves.
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

const depthMax, childrenMax, root, nodesKnown = 18, 100, 26, 1016680

// As in common/par.h.
func child(node uint64, i int) uint64 {
	x := node + uint64(i)
	for round := 0; round < 16; round++ {
		x += 0x9E3779B97F4A7C15
		x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9
		x = (x ^ (x >> 27)) * 0x94D049BB133111EB
		x ^= x >> 31
	}
	return x
}

func childrenOf(node uint64, depth int) int {
	less := uint64(4 * (depthMax - depth))
	limit := 65536 * less / (depthMax + less)
	for children := 0; children < childrenMax; children++ {
		node = node*6364136223846793005 + 1442695040888963407
		if node>>48 >= limit {
			return children
		}
	}
	return childrenMax
}

func count(node uint64, depth int) int64 {
	return 1 + countChildren(node, depth, 0, childrenOf(node, depth))
}

func countChildren(node uint64, depth, from, to int) int64 {
	if from == to {
		return 0
	}
	if to-from == 1 {
		return count(child(node, from), depth+1)
	}
	var first int64
	var done sync.WaitGroup
	middle := from + (to-from)/2
	done.Add(1)
	go func() {
		first = countChildren(node, depth, from, middle)
		done.Done()
	}()
	second := countChildren(node, depth, middle, to)
	done.Wait()
	return first + second
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
	runtime.GOMAXPROCS(workers)
	ns := meanNs(func() {
		if count(root, 0) != nodesKnown {
			panic("uts: a wrong answer")
		}
	})
	fmt.Printf("uts %.6g ns\n", ns/nodesKnown)
}
