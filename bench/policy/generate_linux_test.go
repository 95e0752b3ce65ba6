package main

import (
	"bytes"
	"testing"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// TestGenerate holds that what is measured is what is said: as many pods and policies, with nothing wrong in them.
func TestGenerate(t *testing.T) {
	for _, s := range []shape{{2, 3, 40, 0}, {2, 3, 4, 5}} {
		var text bytes.Buffer
		if err := s.write(&text); err != nil {
			t.Fatal(err)
		}
		c, problems := kube.Read(kube.Stream("cluster.yaml", &text))
		if len(problems) > 0 || len(c.Workloads) != s.count() || len(c.NetworkPolicies) != s.namespaces*s.policies {
			t.Errorf("%v: %d pods, %d policies, problems %v", s, len(c.Workloads), len(c.NetworkPolicies), problems)
		}
		if n := len(kube.Compile(c, kube.Assumptions{}).Alike()); n > s.namespaces*s.pods {
			t.Errorf("%v: %d groups, want pods that are alike to be in one", s, n)
		}
	}
}

func TestInWords(t *testing.T) {
	web := flowset.Transport(flowset.TCP, flowset.PortsOf(80, 443))
	for _, tt := range []struct {
		t    flowset.Transports
		want string
	}{
		{web, "TCP 80,443"},
		{web.Union(flowset.Transport(flowset.SCTP, flowset.AllPorts())), "SCTP 1-65535,TCP 80,443"},
		{flowset.Transport(flowset.TCP, flowset.AllPorts()).Union(flowset.Transport(flowset.UDP, flowset.AllPorts())).Union(flowset.Transport(flowset.SCTP, flowset.AllPorts())), "All Connections"},
	} {
		if got := inWords(tt.t); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
