"""What is not Keras's stays as it is, byte for byte, and nothing of a script is ever run."""

import json

import pytest

import tellapart
from tellapart.errors import ConfigError, DataError
from tellapart.old_keras import installed
from tellapart.old_keras.arguments import ARGUMENTS
from tellapart.old_keras.magics import PYTHON_CELLS
from tellapart.old_keras.modernize import modernized
from tellapart.old_keras.names import NAMES, Gone, today_of

OWN = '''"""A script with names like those of Keras."""
import keras
from sklearn.svm import SVC

def fit(model, nb_epoch=3):  # not a method
    return nb_epoch

class Dense:
    def __init__(self, output_dim, init): ...

lr, nb_epoch, border_mode = 0.1, 3, "same"
fit(None, nb_epoch=4)
layer = Dense(output_dim=3, init="uniform")
classifier = SVC(); classifier.fit(1, 2)
datagen.fit(x_train)
text = "model.fit_generator(x, nb_epoch=3)"
logs = {"acc": 1}; logs["acc"]
'''


def test_names_of_the_scripts_own_stay():
    assert not modernized(OWN, "own.py").is_changed


OWN_CLASSES = """import keras
from keras.layers import Dense
class Base:
    def fit_generator(self, x, nb_epoch=3): return self.fit_generator(x, nb_epoch=2)
class Trainer(Base):
    def __init__(self, model): self.model = SVC(model)
    def compile(self, loss): return self
    def predict_classes(self, x): return self.model.fit(x)
class Dense(Dense):
    def fit(self, x, nb_epoch): return super().fit(x, nb_epoch=nb_epoch)
def make(): return Trainer(None)
t = Trainer(1); t.fit(1, nb_epoch=4); t.predict_classes(2); t.compile(loss="mse")
made = make(); made.fit_generator(x, nb_epoch=4)
Trainer(2).fit(1, nb_epoch=4); Trainer.fit(t, 1, nb_epoch=4)
layer = Dense(output_dim=3); layer.fit(1, nb_epoch=4)
"""


def test_objects_of_the_scripts_own_classes_stay_and_are_not_listed():
    result = modernized(OWN_CLASSES, "own.py")
    assert result.text == OWN_CLASSES
    assert result.remarks == ()


def test_what_may_be_a_model_is_listed_where_an_own_class_has_the_same_method():
    text = "import keras\nclass T:\n    def predict_classes(self): ...\ndef f(t):\n    t.predict_classes(2)\n"
    result = modernized(text, "own.py")
    assert not result.is_changed
    assert [remark.line for remark in result.remarks] == [5]


def test_classes_made_from_keras_models_are_models_and_each_class_has_its_own():
    text = """import tellapart
import keras
class A(keras.Model): ...
class B(A):
    def run(self, x): self.fit(x)
class Holds:
    def __init__(self): self.model = B()
    def run(self, x): self.model.fit(x)
class HoldsMore(Holds):
    def again(self, x): self.model.fit(x)
class Other:
    def __init__(self): self.model = Holds()
    def run(self, x): self.model.fit(x)
"""
    new = text.replace("x): self.fit(x)", "x): tellapart.fit(self, x)")
    before, other = new.split("class Other")
    assert (
        today(text)
        == before.replace("self.model.fit(x)", "tellapart.fit(self.model, x)") + "class Other" + other
    )


def test_a_script_without_keras_stays_whatever_it_calls():
    text = "import torch\nmodel = make()\nmodel.fit_generator(x, nb_epoch=3)\nopt = torch.optim.Adam(p, lr=0.1)\n"
    result = modernized(text, "torch.py")
    assert not result.is_changed
    assert result.remarks == ()


TODAY = """import tellapart
import keras
from keras.layers import Dense
model = keras.Sequential([keras.Input((4,)), Dense(3)])
model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=0.1), loss="mse")
history = tellapart.fit(model, x, y, epochs=2)
print(history.history["loss"], model.predict(x), keras.ops.mean(x))
"""


def test_todays_script_needs_no_change():
    result = modernized(TODAY, "today.py")
    assert not result.is_changed
    assert result.diff == ""
    assert result.remarks == ()


def test_imports_come_before_keras_and_comments_stay():
    text = '''# -*- coding: utf-8 -*-
"""Doc."""
from __future__ import print_function
# Keras
from keras.layers.core import Dense, Activation  # two
from keras.utils import np_utils
from keras.models import (
    Sequential,  # a stack
)
model = Sequential()
model.add(Dense(3,  # outputs
                init='normal'))
model.fit(x, np_utils.to_categorical(y),
          nb_epoch=3,  # short
          verbose=1)
'''
    assert (
        modernized(text, "s.py").text
        == '''# -*- coding: utf-8 -*-
"""Doc."""
from __future__ import print_function
# Keras
import tellapart
import keras
from keras.layers import Dense, Activation  # two
from keras.models import (
    Sequential,  # a stack
)
model = Sequential()
model.add(Dense(3,  # outputs
                kernel_initializer='normal'))
model.fit(x, np_utils.to_categorical(y),
          nb_epoch=3,  # short
          verbose=1)
'''.replace("'normal'", "'random_normal'").replace(
            """model.fit(x, np_utils.to_categorical(y),
          nb_epoch=3,  # short
          verbose=1)""",
            """tellapart.fit(model, x, keras.utils.to_categorical(y),
              epochs=3,  # short
              verbose=1)""",
        )
    )


def test_tensorflows_keras_becomes_keras():
    text = """import tensorflow as tf
from tensorflow.keras import layers
from tensorflow.keras.preprocessing.image import load_img, ImageDataGenerator
net = tf.keras.Sequential([layers.Dense(1)])
net.fit(x, y)
"""
    assert (
        modernized(text, "s.py").text
        == """import tellapart
import keras
from keras import layers
from keras.utils import load_img
from keras.src.legacy.preprocessing.image import ImageDataGenerator
net = keras.Sequential([layers.Dense(1)])
tellapart.fit(net, x, y)
"""
    )


def today(text):
    result = modernized(text, "s.py")
    assert modernized(result.text, "s.py").text == result.text
    return result.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "from keras.layers.core import *\nDense(output_dim=3)\n",
            "from keras.layers import *\nDense(units=3)\n",
        ),
        (
            "if x: from keras.utils import np_utils; np_utils.normalize(x)\n",
            "if x: keras.utils.normalize(x)\n",
        ),
        ("import keras.layers.core as c, os\nc.Dense(3)\n", "import os\nkeras.layers.Dense(3)\n"),
        (
            "from keras.optimizers import adam as a\na(lr=1)\n",
            "from keras.optimizers import Adam as a\na(learning_rate=1)\n",
        ),
        ("def f():\n    from keras.utils import np_utils\n", "def f():\n    pass\n"),
        (
            "try:\n    from keras.layers.core import Dense\n"
            "except ImportError:\n    from tensorflow.keras.layers import Dense\nDense(output_dim=3)\n",
            "try:\n    from keras.layers import Dense\n"
            "except ImportError:\n    from keras.layers import Dense\nDense(units=3)\n",
        ),
        (
            "Adam = 3\nfrom keras.optimizers import adam\nadam(lr=1)\n",
            "Adam = 3\nfrom keras.optimizers import Adam as adam\nadam(learning_rate=1)\n",
        ),
    ],
)
def test_every_way_of_importing_leads_to_keras(old, new):
    kept = [line for line in today(old).splitlines() if line not in ("import tellapart", "import keras")]
    assert kept == new.splitlines()


def test_a_models_name_is_another_thing_where_a_function_has_its_own():
    text = "import tellapart\nimport keras\nm = keras.Sequential()\ntellapart.fit(m, x)\nf = lambda m: m.fit(x)\n"
    assert today(text) == text
    inner = text + "def g(m):\n    m.fit(x)\ndef h():\n    m.fit(x)\n"
    assert today(inner) == inner.removesuffix("m.fit(x)\n") + "tellapart.fit(m, x)\n"


def test_what_else_needs_tensorflow_is_named():
    result = modernized("import tensorflow as tf\nm = tf.keras.Sequential()\ny = tf.one_hot(x, 3)\n", "s.py")
    assert "import tensorflow as tf" in result.text
    assert "tf.one_hot" in result.remarks[0].advice


def test_every_name_of_today_in_the_tables_is_in_the_installed_keras():
    names = {name for name in NAMES.values() if not isinstance(today_of(name), Gone)} | set(ARGUMENTS)
    assert [name for name in sorted(names) if not installed.has(name)] == []


def test_every_argument_of_today_in_the_table_is_one():
    import importlib
    import inspect

    for name, arguments in ARGUMENTS.items():
        module, _, last = name.rpartition(".")
        known = inspect.signature(getattr(importlib.import_module(module), last)).parameters
        takes_any = {"kwargs", "args"} & set(known)
        missing = {new for new in arguments.renamed.values() if new not in known}
        if not takes_any:
            assert not missing, (name, missing)


def test_a_script_is_read_and_not_run(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import keras\nopen({str(tmp_path / 'ran')!r}, 'w')\nraise SystemExit(3)\n")
    tellapart.modernize(script)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content", [b"\x00\x01", b"def f(:\n", b"\xff\xfe\xfa", b"x = (\n", b"# coding: nonsense\n"]
)
def test_what_is_no_script_is_refused(tmp_path, content):
    (tmp_path / "s.py").write_bytes(content)
    with pytest.raises(DataError, match=r"s\.py"):
        tellapart.modernize(tmp_path / "s.py")


def test_a_file_that_is_not_there_is_said_not_to_be_there(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "none.py", tmp_path / "file" / "s.py"):
        with pytest.raises(DataError, match=rf"{place.name} does not exist\. Check the spelling"):
            tellapart.modernize(place)


def test_bytes_around_the_changes_stay(tmp_path):
    script = tmp_path / "s.py"
    script.write_bytes(
        "# -*- coding: latin-1 -*-\r\nimport keras.objectives\r\nname = 'é'\r\n".encode("latin-1")
    )
    tellapart.modernize(script).save(tmp_path / "new.py")
    assert (tmp_path / "new.py").read_bytes() == script.read_bytes().replace(b"keras.objectives", b"keras")


def test_the_old_script_is_kept_and_nothing_is_overwritten(tmp_path):
    script = tmp_path / "s.py"
    script.write_text("from keras.utils import np_utils\nnp_utils.to_categorical(y)\n")
    old = script.read_text()
    result = tellapart.modernize(script)
    kept = result.write()
    assert kept.read_text() == old
    assert (
        script.read_text() == result.text == "import tellapart\nimport keras\nkeras.utils.to_categorical(y)\n"
    )
    with pytest.raises(ConfigError, match="exists"):
        tellapart.modernize(script).write()
    with pytest.raises(ConfigError, match="exists"):
        result.save(kept)


def test_print_statements_become_calls_and_divisions_are_named():
    text = """import keras, sys
if x: print 'a'
print
print "a %s" % x, y,
print >>sys.stderr, 'b', 1
print ('c')
print ('d'), 2
n = 1. / 255 + total / size
"""
    result = modernized(text, "s.py")
    assert result.text.splitlines()[1:7] == [
        "if x: print('a')",
        "print()",
        "print(\"a %s\" % x, y, end=' ')",
        "print('b', 1, file=sys.stderr)",
        "print ('c')",
        "print(('d'), 2)",
    ]
    assert [remark.line for remark in result.remarks] == [8]


def notebook(tmp_path, *sources):
    cells = [{"cell_type": "code", "source": source, "outputs": [1]} for source in sources]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    result = tellapart.modernize(tmp_path / "n.ipynb")
    return result, [cell["source"] for cell in json.loads(result.text)["cells"]]


PYTHON_2 = """import keras
from keras import models
import cPickle, os
import Queue as queue
from itertools import izip, chain
from six.moves import xrange as old_range
m = models.Sequential()
name = raw_input('n') or unicode(3)
for i in xrange(3): print i,
for k, v in d.iteritems(): print k, v
if d.has_key(name) and not d.has_key(`k`): raise ValueError, 'a %s' % name
try: m.fit(x, steps_per_epoch=n / 32)
except IOError, e: print >>f, e
pairs = map(str, range(3)), range(2) + [1]
if 0777 <> 10L: exec 'x = 1'
total = reduce(add, izip(a, b)) / float(3)
size = x.shape[0] / 32, (len(x) + 1) / int(n), 255 / 2, x / 255., 2.5 * n / 3
print `size`
first = d.keys()[0], ' '.join(map(str, a)), np.array(zip(a, b))
"""

PYTHON_3 = """from functools import reduce
import tellapart
import keras
from keras import models
import pickle as cPickle, os
import queue
from itertools import chain
m = models.Sequential()
name = input('n') or str(3)
for i in range(3): print(i, end=' ')
for k, v in d.items(): print(k, v)
if (name in d) and not (repr(k) in d): raise ValueError('a %s' % name)
try: tellapart.fit(m, x, steps_per_epoch=n // 32)
except IOError as e: print(e, file=f)
pairs = list(map(str, range(3))), list(range(2)) + [1]
if 0o777 != 10: exec('x = 1')
total = reduce(add, zip(a, b)) / float(3)
size = x.shape[0] // 32, (len(x) + 1) // int(n), 255 // 2, x / 255., 2.5 * n / 3
print(repr(size))
first = list(d.keys())[0], ' '.join(map(str, a)), np.array(list(zip(a, b)))
"""


def test_python_2_becomes_python_3():
    result = modernized(PYTHON_2, "s.py")
    assert result.text == PYTHON_3
    assert result.remarks == ()
    compile(result.text, "s.py", "exec")
    assert modernized(result.text, "s.py").text == result.text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x = cPickle.load(f)", "latin1"),
        ("import urllib2", "urllib.request"),
        ("import urllib; urllib.urlretrieve(u)", "urllib.request.urlretrieve"),
        ("execfile('a.py')", "exec"),
        ("n = a / b", "//"),
        ("n = len(a) / b", "//"),
        ("print 'a'; it.next()", "next(it)"),
    ],
)
def test_what_python_3_does_not_have_is_named(line, words):
    result = modernized(f"import keras\nimport cPickle\nx = xrange(3)\n{line}\n", "s.py")
    (remark,) = result.remarks
    assert words in remark.advice
    assert remark.line == 4


def test_names_of_python_2_that_the_script_makes_its_own_stay():
    text = """import tellapart
import keras
try:
    import cPickle as pickle
except ImportError:
    import pickle
try:
    xrange
except NameError:
    xrange = range
class Table:
    def has_key(self, key): return True
    def iteritems(self): return pickle.load(f)
def unicode(x): return x / y
t = Table()
print(xrange(3), t.has_key(3), t.iteritems(), unicode(3), f(long=3), x.unichr, map(f, x))
"""
    result = modernized(text, "s.py")
    assert result.text == text
    assert result.remarks == ()
    assert "key in d" in modernized(text + "d.has_key(key)\n", "s.py").remarks[0].advice


def test_the_future_division_is_that_of_python_3():
    text = "from __future__ import division\nimport keras\nm = keras.Sequential()\n"
    call = "m.fit_generator(g, steps_per_epoch=n / 32, epochs=xrange(3)[1])\nx = a / b\n"
    result = modernized(text + call, "s.py")
    assert "steps_per_epoch=math.ceil(n / 32)" in result.text
    assert result.remarks == ()


def test_code_cells_of_a_notebook_change_and_all_else_stays(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# keras.utils.np_utils\n"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "from keras.layers.core import Dense"],
            "outputs": [1],
        },
        {"cell_type": "code", "source": "%%bash\nls"},
        {"cell_type": "code", "source": ["Dense(output_dim=3)\n"]},
    ]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    result = tellapart.modernize(tmp_path / "n.ipynb")
    new = json.loads(result.text)["cells"]
    assert new[0] == cells[0]
    assert new[1] == cells[1] | {
        "source": ["%matplotlib inline\n", "import tellapart\n", "from keras.layers import Dense"]
    }
    assert new[2:] == [cells[2], cells[3] | {"source": ["Dense(units=3)\n"]}]


def test_cells_below_a_magic_of_python_are_python_and_others_stay(tmp_path):
    fit = "m.fit(x, nb_epoch=3)\nm.history?\nprint m.history.history['acc']"
    bash = "%%bash\nfor i in $(ls keras); do"
    file = "%%writefile old.py\nfrom keras.utils import np_utils\nprint 'a'"
    result, cells = notebook(
        tmp_path,
        "import keras\nm = keras.models.Sequential()",
        *(f"%%{magic}\n{fit}" for magic in PYTHON_CELLS),
        bash,
        file,
    )
    new = "tellapart.fit(m, x, epochs=3)\nm.history?\nprint(m.history.history['accuracy'])"
    assert cells[1:] == [*(f"%%{magic}\n{new}" for magic in PYTHON_CELLS), bash, file]
    (remark,) = result.remarks
    assert remark.code == "%%writefile old.py"
    assert (remark.cell, remark.line) == (len(cells) - 1, 1)


def test_a_place_in_a_notebook_is_a_line_of_a_cell(tmp_path):
    result, _ = notebook(tmp_path, "import keras\n", "x = 3\n\nkeras.layers.Merge([a, b])")
    (remark,) = result.remarks
    assert str(remark).startswith("cell 1, line 3: ")
    assert tellapart.modernize(tmp_path / "n.ipynb").remarks[0].line == 3


def test_commands_in_a_cell_stay_and_timed_statements_are_rewritten(tmp_path):
    source = """%matplotlib inline
import keras
files = !ls *.h5
m = keras.models.Sequential()
if files:
    !rm old.h5
for i in range(3):
    %time m.fit(x, nb_epoch=i)
%timeit -n 3 -r1 h = m.fit(x, nb_epoch=1)
%time not python
print("%d"
      % len(files)
      %(a))
?keras"""
    result, (cell,) = notebook(tmp_path, source)
    new = source.replace("m.fit(x, nb_epoch", "tellapart.fit(m, x, epochs")
    assert cell == new.replace("import keras\n", "import tellapart\nimport keras\n")
    assert "#%" not in result.diff
    assert "+    %time tellapart.fit(m, x, epochs=i)" in result.diff.splitlines()
    assert " %matplotlib inline" in result.diff.splitlines()
