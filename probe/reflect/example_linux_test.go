package reflect_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/probe/reflect"
)

// A reflector, and a client that asks it what it saw.
func Example() {
	token, err := reflect.ParseToken(reflect.NewToken())
	if err != nil {
		fmt.Println(err)
		return
	}
	server, err := reflect.Listen(reflect.Config{Token: token, Listen: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan reflect.Stats)
	go func() { done <- server.Serve(ctx) }()

	c, err := net.Dial("tcp", server.Addresses()[0].String())
	if err != nil {
		fmt.Println(err)
		return
	}
	p := reflect.NewProof(time.Now(), 300)
	fmt.Fprint(c, reflect.Line(token.Text(&p)), string(token.Body(&p, reflect.Out, p.Length)))
	line, _ := bufio.NewReader(c).ReadBytes('\n')
	text, _, _ := reflect.CutLine(line)
	seen, err := token.Open(&p, text)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("as it has it itself:", seen.Peer.String() == c.LocalAddr().String())
	fmt.Println("bytes:", seen.Bytes.Came, "first that differs:", seen.Bytes.Differ)
	c.Close()
	stop()
	fmt.Println("answered:", (<-done).TCP)
	// Output:
	// as it has it itself: true
	// bytes: 300 first that differs: -1
	// answered: 1
}
