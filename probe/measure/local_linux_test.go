package measure

import (
	"context"
	"testing"
)

func TestLocal(t *testing.T) {
	p, err := ReadPlace()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range Local(context.Background(), p) {
		t.Logf("%-42s %v  tcp %v %v %v %v %s | udp %v %v %v %v %s", row.Name, row.Family, row.TCP.Verdict, row.TCP.Stage, row.TCP.Outcome, row.TCP.Layer, row.TCP.Words, row.UDP.Verdict, row.UDP.Stage, row.UDP.Outcome, row.UDP.Layer, row.UDP.Words)
	}
}
