// go.go - files read by a goroutine each, all started at once.
//
// Go has no asynchronous files: each read that waits has a thread of its own.
//
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

func readAll(n int, folder string) {
	var all sync.WaitGroup
	all.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			if _, err := os.ReadFile(fmt.Sprintf("%s/%05d", folder, i)); err != nil {
				panic(err)
			}
			all.Done()
		}(i)
	}
	all.Wait()
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	folder := os.Getenv("BENCH_FILES")
	runtime.GOMAXPROCS(workers)
	warm := strings.HasPrefix(os.Args[1], "warm")
	if warm {
		readAll(n, folder)
	}
	passes := 0
	start := time.Now()
	for passes == 0 || warm && time.Since(start) < 300*time.Millisecond {
		readAll(n, folder)
		passes++
	}
	us := float64(time.Since(start).Nanoseconds()) / 1e3
	fmt.Printf("%s %.6g us\n", os.Args[1], us/float64(passes)/float64(n))
}
