package main

import (
	"net/netip"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"

	"github.com/sallyport/sallyport/kube"
)

func TestParse(t *testing.T) {
	tests := []struct {
		command string
		want    connection
		bad     bool
	}{
		{"/agnhost connect 10.1.2.3:80 --timeout=3s --protocol=tcp", connection{netip.MustParseAddrPort("10.1.2.3:80"), kube.TCP}, false},
		{"/agnhost connect --timeout=3s --protocol=sctp [fd00::1]:9003", connection{netip.MustParseAddrPort("[fd00::1]:9003"), kube.SCTP}, false},
		{"/agnhost connect --protocol udp 10.1.2.3:53", connection{netip.MustParseAddrPort("10.1.2.3:53"), kube.UDP}, false},
		{"/agnhost connect --protocol=icmp 10.1.2.3:53", connection{}, true},
		{"/agnhost connect example.org:80", connection{}, true},
		{"/agnhost connect", connection{}, true},
		{"/bin/true", connection{}, true},
	}
	for _, test := range tests {
		got, err := parse(strings.Fields(test.command))
		if (err != nil) != test.bad || err == nil && got != test.want {
			t.Errorf("%s: got %v, %v, want %v", test.command, got, err, test.want)
		}
	}
}

func TestServes(t *testing.T) {
	shell := func(line string, env ...string) core.Container {
		c := core.Container{Command: []string{"/bin/bash", "-c", line}}
		for _, name := range env {
			c.Env = append(c.Env, core.EnvVar{Name: name})
		}
		return c
	}
	tests := []struct {
		container core.Container
		protocol  kube.Protocol
		port      uint16
		want      bool
	}{
		{shell("/agnhost serve-hostname --tcp --http=false --port 80"), kube.TCP, 80, true},
		{shell("/agnhost serve-hostname --tcp --http=false --port 8080"), kube.TCP, 80, false},
		{shell("/agnhost serve-hostname --tcp --http=false --port 80"), kube.UDP, 80, false},
		{shell("/agnhost serve-hostname --udp --http=false --port=53"), kube.UDP, 53, true},
		{shell("/agnhost netexec --http-port 34348 --udp-port 34347"), kube.UDP, 34347, true},
		{shell("/agnhost netexec --http-port 34348 --udp-port 34347"), kube.UDP, 34348, false},
		{shell("/agnhost netexec --http-port 34348 --udp-port 34347"), kube.TCP, 34348, true},
		{shell("/agnhost porter", "SERVE_SCTP_PORT_9003"), kube.SCTP, 9003, true},
		{shell("/agnhost porter", "SERVE_SCTP_PORT_9003"), kube.TCP, 9003, false},
		{shell("/agnhost porter", "SERVE_PORT_80", "SERVE_UDP_PORT_81"), kube.TCP, 80, true},
		{shell("/agnhost porter", "SERVE_PORT_80", "SERVE_UDP_PORT_81"), kube.UDP, 80, false},
		{shell("/agnhost pause"), kube.TCP, 80, false},
		{core.Container{}, kube.TCP, 80, false},
	}
	for _, test := range tests {
		if got := serves(&test.container, test.protocol, test.port); got != test.want {
			t.Errorf("%v %v, %v %d: got %v, want %v", test.container.Command, test.container.Env, test.protocol, test.port, got, test.want)
		}
	}
}
