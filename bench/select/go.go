// go.go - one consumer selects over 8 unbuffered channels, each fed by a producer of its own.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

const channels = 8

func run(each int) time.Duration {
	var c [channels]chan int
	start := time.Now()
	for i := range c {
		c[i] = make(chan int)
		go func(out chan int) {
			for j := 0; j < each; j++ {
				out <- j
			}
		}(c[i])
	}
	for i := 0; i < each*channels; i++ {
		select {
		case <-c[0]:
		case <-c[1]:
		case <-c[2]:
		case <-c[3]:
		case <-c[4]:
		case <-c[5]:
		case <-c[6]:
		case <-c[7]:
		}
	}
	return time.Since(start)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	each := n / channels
	run(each/10 + 1)
	fmt.Printf("select8 %.6g ns\n", float64(run(each).Nanoseconds())/float64(each*channels))
}
