"""A systemd for a test: owns org.freedesktop.systemd1 on the bus at ADDRESS and knows one unit, app.service.

Usage: fake_systemd.py ADDRESS FOLDER. Touches FOLDER/ready. The unit begins failed; it fails to start while FOLDER/broken
exists; nothing is answered about it while FOLDER/silent exists.
"""

import pathlib
import sys
import time

import dbus
import dbus.bus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

MANAGER = "org.freedesktop.systemd1.Manager"
PROPERTIES = "org.freedesktop.DBus.Properties"
ROOT = "/org/freedesktop/systemd1"
UNIT = ROOT + "/unit/app_2eservice"
NO_UNIT = ROOT + "/unit/other_2eservice"


class Unit(dbus.service.Object):
    def __init__(self, bus, path, load, folder=None):
        super().__init__(bus, path)
        self.folder = folder
        self.load = load
        self.active = "failed" if load == "loaded" else "inactive"
        self.invocation = 1

    def properties(self):
        return {
            "LoadState": self.load,
            "ActiveState": self.active,
            "SubState": {"active": "running"}.get(self.active, "dead"),
            "Result": "success",
            "InvocationID": dbus.ByteArray(bytes([self.invocation] * 16)),
            "StateChangeTimestamp": dbus.UInt64(1_700_000_000_000_000 if self.load == "loaded" else 0),
            "NRestarts": dbus.UInt32(3),
            "MainPID": dbus.UInt32(4711 if self.active == "active" else 0),
        }

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return self.properties()

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        while self.folder and (self.folder / "silent").exists():
            time.sleep(0.1)
        return self.properties().get(name, False if name.startswith("Need") else "")


class Manager(dbus.service.Object):
    def __init__(self, bus, folder):
        super().__init__(bus, ROOT)
        self.folder = folder
        self.unit = Unit(bus, UNIT, "loaded", folder)
        self.missing = Unit(bus, NO_UNIT, "not-found")
        self.jobs = 0

    @dbus.service.method(MANAGER, in_signature="s", out_signature="o")
    def LoadUnit(self, name):
        return dbus.ObjectPath(UNIT if name == "app.service" else NO_UNIT)

    GetUnit = dbus.service.method(MANAGER, in_signature="s", out_signature="o")(lambda self, name: self.LoadUnit(name))

    @dbus.service.method(MANAGER)
    def Subscribe(self):
        pass

    @dbus.service.signal(MANAGER, signature="uoss")
    def JobRemoved(self, number, path, unit, result):
        pass

    def job(self, active):
        self.jobs += 1
        path = dbus.ObjectPath(f"{ROOT}/job/{self.jobs}")
        if active == "active":
            self.unit.invocation += 1
            if (self.folder / "broken").exists():
                active = "failed"
        if active != "still active":
            self.unit.active = active
        result = "failed" if active == "failed" else "done"
        GLib.idle_add(lambda: self.JobRemoved(self.jobs, path, "app.service", result))
        return path

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def StartUnit(self, name, mode):
        return self.job("active" if self.unit.active != "active" else "still active")

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def RestartUnit(self, name, mode):
        return self.job("active")

    @dbus.service.method(MANAGER, in_signature="ss", out_signature="o")
    def StopUnit(self, name, mode):
        return self.job("inactive")

    @dbus.service.method(MANAGER, in_signature="s")
    def ResetFailedUnit(self, name):
        if self.unit.active == "failed":
            self.unit.active = "inactive"


def main():
    DBusGMainLoop(set_as_default=True)
    bus = dbus.bus.BusConnection(sys.argv[1])
    folder = pathlib.Path(sys.argv[2])
    name = dbus.service.BusName("org.freedesktop.systemd1", bus)
    manager = Manager(bus, folder)
    (folder / "ready").touch()
    GLib.MainLoop().run()
    del name, manager


main()
