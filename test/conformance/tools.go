//go:build tools

package conformance

// What scripts/conformance builds of Kubernetes.
import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver/app"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)
