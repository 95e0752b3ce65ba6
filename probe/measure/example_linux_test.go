package measure_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/measure"
)

// A server greets as SSH servers do, where SMTP is expected.
func Example() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(c, "SSH-2.0-OpenSSH_9.2\r\n")
			time.AfterFunc(time.Second, func() { c.Close() })
		}
	}()

	target, err := probe.Parse("smtp://" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	plan := measure.Plan{Sources: measure.NoBind}
	attempts := plan.Attempts(context.Background(), slices.Values([]probe.Target{target}))
	for r := range measure.Run(context.Background(), attempts, measure.Limits{Timeout: 5 * time.Second}, measure.Meet) {
		fmt.Printf("%v, %v: %s\n", r.Verdict, r.Outcome, r.Words)
	}
	// Output:
	// allowed, connected: speaks ssh, not smtp
}
