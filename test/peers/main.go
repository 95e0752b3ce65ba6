// Peers serves protocols of which Debian 12 has no server, by other projects' implementations: "quic ADDRESS:PORT" by quic-go, "kafka ADDRESS:PORT" by
// franz-go's kfake. It is a module of its own, so that their dependencies stay out of the project's.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: peers quic|kafka ADDRESS:PORT")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	serve := map[string]func(string) (func(), error){"quic": serveQUIC, "kafka": serveKafka}[os.Args[1]]
	end, err := serve(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-ctx.Done()
	end()
}

func serveQUIC(addr string) (func(), error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"peer.test"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		return nil, err
	}
	l, err := quic.ListenAddr(addr, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h3"},
	}, nil)
	if err != nil {
		return nil, err
	}
	return func() { _ = l.Close() }, nil
}

func serveKafka(addr string) (func(), error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(func(network, _ string) (net.Listener, error) {
		return net.Listen(network, addr)
	}))
	if err != nil {
		return nil, err
	}
	return cluster.Close, nil
}
