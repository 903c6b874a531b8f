// go.go - very many goroutines, all asleep on one channel: memory and creation of each, then the
// wake of all by one close.
//
// SPDX-License-Identifier: MIT
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Resident pages and page tables, in bytes.
func memory() float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		panic(err)
	}
	defer f.Close()
	kilobytes := 0.0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var name string
		var value float64
		fmt.Sscan(lines.Text(), &name, &value)
		if name == "VmRSS:" || name == "VmPTE:" {
			kilobytes += value
		}
	}
	return kilobytes * 1024
}

func run(n int, report bool) {
	var asleep, ended sync.WaitGroup
	wake := make(chan struct{})
	before, start := memory(), time.Now()
	asleep.Add(n)
	ended.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			asleep.Done()
			<-wake
			ended.Done()
		}()
	}
	asleep.Wait()
	created := time.Since(start)
	bytes := memory() - before
	start = time.Now()
	close(wake)
	ended.Wait()
	woken := time.Since(start)
	if report {
		fmt.Printf("bytes %.6g bytes\n", bytes/float64(n))
		fmt.Printf("create %.6g ns\n", float64(created.Nanoseconds())/float64(n))
		fmt.Printf("wake %.6g ns\n", float64(woken.Nanoseconds())/float64(n))
	}
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	run(1000, false)
	run(n, true)
}
