# -*- coding: utf-8 -*-
import os


def größe():
    os.read(0, 1)  # frame 0: größe


def 文():
    größe()  # frame 1: 文


def 𝒇():
    文()  # frame 2: f


𝒇()  # frame 3: <module>
