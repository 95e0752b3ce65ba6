package main

import (
	"context"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
)

// pods does to each pod what scheduler and kubelet would: bind it, report it running, and let it go.
type pods struct {
	client    kubernetes.Interface
	lister    listers.PodLister
	addresses *addresses
	next      int // the node for the next pod, of those for ordinary ones
	hostNext  int
}

// runPods works until ctx ends.
func runPods(ctx context.Context, client kubernetes.Interface, a *addresses) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	informer := factory.Core().V1().Pods()
	p := &pods{client: client, lister: informer.Lister(), addresses: a}
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](10*time.Millisecond, time.Second))
	add := func(x any) {
		if name, err := cache.ObjectToName(x); err == nil {
			queue.Add(name)
		}
	}
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, x any) { add(x) }})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	context.AfterFunc(ctx, queue.ShutDown)
	for {
		name, down := queue.Get()
		if down {
			return ctx.Err()
		}
		if err := p.sync(ctx, name); err != nil && ctx.Err() == nil {
			fmt.Printf("pod %s: %v\n", name, err)
			queue.AddRateLimited(name)
		} else {
			queue.Forget(name)
		}
		queue.Done(name)
	}
}

func (p *pods) sync(ctx context.Context, name cache.ObjectName) error {
	pod, err := p.lister.Pods(name.Namespace).Get(name.Name)
	switch {
	case errors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	case pod.DeletionTimestamp != nil:
		err = p.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, meta.DeleteOptions{
			GracePeriodSeconds: new(int64), Preconditions: meta.NewUIDPreconditions(string(pod.UID)),
		})
	case pod.Spec.NodeName == "":
		err = p.bind(ctx, pod)
	case pod.Status.Phase == core.PodPending:
		err = p.start(ctx, pod)
	}
	if errors.IsNotFound(err) {
		return nil
	}
	return err
}

func (p *pods) bind(ctx context.Context, pod *core.Pod) error {
	node := p.next % podNodes
	if pod.Spec.HostNetwork {
		node = podNodes + p.hostNext%hostNodes
	}
	err := p.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &core.Binding{
		ObjectMeta: meta.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     core.ObjectReference{Kind: "Node", Name: nodeName(node)},
	}, meta.CreateOptions{})
	switch {
	case errors.IsConflict(err): // bound already, and not yet seen here
		return nil
	case err == nil && pod.Spec.HostNetwork:
		p.hostNext++
	case err == nil:
		p.next++
	}
	return err
}

// start reports a pod running and ready.
func (p *pods) start(ctx context.Context, pod *core.Pod) error {
	node, err := nodeIndex(pod.Spec.NodeName)
	if err != nil {
		return err
	}
	pod = pod.DeepCopy()
	now := meta.Now()
	s := &pod.Status
	s.Phase, s.StartTime = core.PodRunning, &now
	for _, x := range p.addresses.node(node) {
		s.HostIPs = append(s.HostIPs, core.HostIP{IP: x})
	}
	own := p.addresses.node(node)
	if !pod.Spec.HostNetwork {
		own = p.addresses.pod(node)
	}
	for _, x := range own {
		s.PodIPs = append(s.PodIPs, core.PodIP{IP: x})
	}
	s.HostIP, s.PodIP = s.HostIPs[0].IP, s.PodIPs[0].IP
	s.Conditions = nil
	for _, c := range []core.PodConditionType{core.PodScheduled, core.PodInitialized, core.ContainersReady, core.PodReady} {
		s.Conditions = append(s.Conditions, core.PodCondition{Type: c, Status: core.ConditionTrue, LastTransitionTime: now})
	}
	started := true
	s.ContainerStatuses = nil
	for _, c := range pod.Spec.Containers {
		s.ContainerStatuses = append(s.ContainerStatuses, core.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: c.Image, ContainerID: "simulated://" + string(pod.UID) + "/" + c.Name,
			Ready: true, Started: &started, State: core.ContainerState{Running: &core.ContainerStateRunning{StartedAt: now}},
		})
	}
	_, err = p.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, pod, meta.UpdateOptions{})
	if errors.IsConflict(err) { // the newer pod comes by itself
		return nil
	}
	return err
}
