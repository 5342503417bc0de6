# coding: utf-8
# The cases of Autobahn's test suite (Apache-2.0), the public conformance suite of websockets, against an echo at the address of
# the first argument; every further one names cases. Says a line for each case that is not as it should be, then how many
# there were, then `done`.
#
# The suite is Python 2 of 2016. It runs by Jython, which Debian has, with what it needs beside this file; what it can do
# without is stood in for: TLS, the web server of its other mode and the pages of its report.

import os
import sys
import types

sys.path.insert(0, os.environ['MODULES'])


def stand_in(name, **names):
    module = types.ModuleType(name)
    module.__dict__.update(names)
    sys.modules[name] = module
    parent, _, own = name.rpartition('.')
    if parent in sys.modules:
        setattr(sys.modules[parent], own, module)
    return module


def unwrapped():
    """Modules that warn of old names are no modules to Jython's imports: the real ones take their place."""
    for name, module in list(sys.modules.items()):
        if type(module).__name__ == '_ModuleProxy':
            real = object.__getattribute__(module, '_module')
            sys.modules[name] = real
            parent, _, own = name.rpartition('.')
            if parent in sys.modules:
                setattr(sys.modules[parent], own, real)


import twisted
import twisted.python
unwrapped()
import twisted.python.deprecate
twisted.python.deprecate.deprecatedModuleAttribute = lambda *given, **named: None
from twisted.internet import selectreactor
selectreactor.install()
from twisted.internet import reactor

nothing = lambda *given, **named: None
stand_in('twisted.internet.ssl', ClientContextFactory=nothing)
stand_in('twisted.web', __path__=[])
stand_in('twisted.web.server', Site=nothing)
stand_in('twisted.web.static', File=nothing)
stand_in('jinja2', Environment=nothing, FileSystemLoader=nothing, PackageLoader=nothing)
package = os.path.join(os.environ['MODULES'], 'autobahntestsuite')
stand_in('pkg_resources', resource_filename=lambda _, name: os.path.join(package, name), resource_stream=lambda _, name: open(os.path.join(package, name), 'rb'))
# Its own beginning loads every mode it has.
stand_in('autobahntestsuite', __path__=[package], version='', __version__='')
from autobahntestsuite import fuzzing

GOOD = ('OK', 'NON-STRICT', 'INFORMATIONAL')


class Client(fuzzing.FuzzingClientFactory):
    def createReports(self, *_, **__):
        for cases in self.agents.values():
            for name in sorted(cases):
                found = cases[name]
                if found['behavior'] not in GOOD or found['behaviorClose'] not in GOOD:
                    print 'FAILED %s: %s, at its end %s; %s; %s' % (name, found['behavior'], found['behaviorClose'], found['result'], found['resultClose'])
                elif found['behavior'] != 'OK':
                    print '%s %s' % (found['behavior'], name)
            print '%d cases' % len(cases)


Client({'outdir': os.curdir, 'servers': [{'url': sys.argv[1]}], 'cases': sys.argv[2:], 'exclude-cases': [], 'exclude-agent-cases': {}})
reactor.run()
print 'done'
