//go:build tools

package kubernetes

// What scripts/conformance builds of Kubernetes.
import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver/app"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)
