// proto
package main

import (
	"fmt"
	"os"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/supervise"
	"github.com/sallyport/sallyport/unotify"
)

func main() {
	unotify.ChildInit()
	supervise.KeeperInit(nil)
	opts := supervise.Options{Path: os.Args[1], Args: os.Args[1:]}
	if v := os.Getenv("PROF"); v != "" {
		p, err := profile.Load(v, nil)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		opts.Profile = p
	}
	opts.Elide.TCP = os.Getenv("ELIDE") != ""
	opts.Inject = os.Getenv("INJECT") != ""
	if os.Getenv("SHOW") != "" {
		opts.OnStep = func(l *attempt.Life, s *attempt.Step) {
			fmt.Fprintf(os.Stderr, "-- %d fd %d %v %v %v errno %v result %d %v %v %s\n", l.Process.PID, l.FD, l.Protocol, s.Call, s.Address, s.Errno, s.Result, s.How, s.Took, s.Rule)
		}
	}
	s, err := supervise.Start(opts)
	if err != nil {
		fmt.Println(err)
		os.Exit(125)
	}
	x, err := s.Wait()
	if s.Survivors() {
		pid, err := s.HandOver("")
		fmt.Fprintln(os.Stderr, "keeper", pid, err)
	}
	ls, _ := s.Lives()
	s.Close()
	if os.Getenv("SHOW") != "" {
		fmt.Fprintln(os.Stderr, x, err, len(ls))
		for _, l := range ls {
			for _, r := range l.Attempts() {
				fmt.Fprintln(os.Stderr, r.Attempt, r.Outcome)
			}
		}
	}
	if x.Signal != 0 {
		supervise.Raise(x.Signal)
	}
	os.Exit(x.Status)
}
