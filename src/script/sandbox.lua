-- The walls around scripts: what they find as globals, and what keeps them from changing it.
--
-- A wall is an empty table in front of one that scripts may read but not change: reading goes through it, writing is
-- refused, and the functions that could see or change the table behind are replaced by ones that know walls.
-- Errors of native functions are opaque values; every function that catches errors makes of them what scripts may see.
--
-- Called with the native functions; returns what the host needs.

local native, old_api = ...

local error, type, next, pairs, ipairs, select = error, type, next, pairs, ipairs, select
local rawget, rawset, setmetatable, getmetatable = rawget, rawset, setmetatable, getmetatable
local pcall, xpcall, load, loadstring, tostring = pcall, xpcall, load, loadstring, tostring
local collectgarbage, getfenv, unpack = collectgarbage, getfenv, unpack
local insert, foreach, foreachi = table.insert, table.foreach, table.foreachi
local byte, sub, gsub, format = string.byte, string.sub, string.gsub, string.format
local resume = coroutine.resume
local seen_error, handler = native.seen_error, native.handler
local originals = getfenv()

local READONLY = "Attempt to modify a readonly table"

local walls = {}       -- the wall -> the table behind
local metatables = {}  -- the wall -> the metatable scripts see

local function refuse()
  error(READONLY, 2)
end

local function missing(_, key)
  if type(key) ~= "string" and type(key) ~= "number" then
    error("Second argument to luaProtectedTableError must be a string or number", 2)
  end
  error(format("Script attempted to access nonexistent global variable '%s'", tostring(key)), 2)
end

-- Complains about an argument of the function that called this one, as native functions do.
local function bad(number, name, complaint)
  error(format("bad argument #%d to '%s' (%s)", number, name, complaint), 3)
end

local function found(...)
  if select("#", ...) == 0 then
    return "no value"
  end
  return type((...))
end

local function wall(behind)
  local front = {}
  local gate = { __index = behind, __newindex = refuse }
  walls[front] = behind
  setmetatable(front, gate)
  return front, gate
end

-- A table whose missing keys are errors.
local function strict(behind)
  setmetatable(behind, { __index = missing })
  local front, gate = wall(behind)
  metatables[front] = wall({ __index = missing })
  return front, gate
end

local real = {
  assert = assert,
  error = error,
  gcinfo = gcinfo,
  ipairs = ipairs,
  rawequal = rawequal,
  select = select,
  tonumber = tonumber,
  tostring = tostring,
  type = type,
  _VERSION = _VERSION,
  __redis__err__handler = handler,
}

-- Lua's own trusts its bounds.
function real.unpack(...)
  local list, from, to = ...
  if type(list) ~= "table" then
    bad(1, "unpack", "table expected, got " .. found(...))
  end
  from = from == nil and 1 or tonumber(from) or bad(2, "unpack", "number expected, got " .. type(from))
  if to == nil then
    to = #list
  else
    to = tonumber(to) or bad(3, "unpack", "number expected, got " .. type(to))
  end
  if to - from + 1 + select("#", ...) > 8000 then
    error("too many results to unpack", 2)
  end
  -- Its arguments take places that its results then lack.
  if select("#", ...) == 1 then
    return unpack(list)
  end
  return unpack(list, from, to)
end

function real.rawset(...)
  local table = ...
  if walls[table] then
    error(READONLY, 0)
  end
  if type(table) ~= "table" then
    bad(1, "rawset", "table expected, got " .. found(...))
  end
  return rawset(...)
end

function real.rawget(...)
  local behind = walls[(...)]
  if behind then
    return rawget(behind, (select(2, ...)))
  end
  if type((...)) ~= "table" then
    bad(1, "rawget", "table expected, got " .. found(...))
  end
  return rawget(...)
end

function real.setmetatable(...)
  local table, metatable = ...
  if walls[table] then
    error(READONLY, 0)
  end
  if type(table) ~= "table" then
    bad(1, "setmetatable", "table expected, got " .. found(...))
  end
  if type(metatable) ~= "table" and (metatable ~= nil or select("#", ...) < 2) then
    bad(2, "setmetatable", "nil or table expected")
  end
  return setmetatable(...)
end

local string_metatable

function real.getmetatable(...)
  local value = ...
  if walls[value] then
    return metatables[value]
  end
  if type(value) == "string" then
    return string_metatable
  end
  if select("#", ...) == 0 then
    bad(1, "getmetatable", "value expected")
  end
  return getmetatable(...)
end

local function next_behind(...)
  local behind = walls[(...)]
  if behind then
    return next(behind, (select(2, ...)))
  end
  if type((...)) ~= "table" then
    bad(1, "next", "table expected, got " .. found(...))
  end
  return next(...)
end
real.next = next_behind

function real.pairs(...)
  local table = ...
  if walls[table] then
    return next_behind, table, nil
  end
  if type(table) ~= "table" then
    bad(1, "pairs", "table expected, got " .. found(...))
  end
  return pairs(...)
end

-- What follows a protected call.
local function caught(succeeded, ...)
  if succeeded then
    return true, ...
  end
  return false, seen_error((...))
end

-- As `caught`, with the text of an error table in its place.
local function caught_text(succeeded, ...)
  if succeeded then
    return true, ...
  end
  local value = seen_error((...))
  if type(value) == "table" then
    local text = value.err
    if type(text) == "string" or type(text) == "number" then
      return false, text
    end
  end
  return false, value
end

function real.pcall(...)
  if select("#", ...) == 0 then
    bad(1, "pcall", "value expected")
  end
  return caught_text(pcall(...))
end

function real.xpcall(call, handle, ...)
  if type(handle) ~= "function" then
    return caught(xpcall(call, handle, ...))
  end
  return caught(xpcall(call, function(value)
    return handle(seen_error(value))
  end))
end

-- Only source text is loaded: what begins like compiled code is made unreadable, and the message names its true begin.
local function defused(code)
  return "\1" .. sub(code, 2)
end

local function refused(message)
  return nil, (gsub(message, "char%(1%)", "char(27)"))
end

function real.loadstring(...)
  local code, name = ...
  if type(code) == "string" and byte(code) == 27 then
    local _, message = loadstring(defused(code), name or code)
    return refused(message)
  end
  if type(code) ~= "string" and type(code) ~= "number" then
    bad(1, "loadstring", "string expected, got " .. found(...))
  end
  return loadstring(...)
end

function real.load(...)
  local read, name = ...
  if type(read) ~= "function" then
    bad(1, "load", "function expected, got " .. found(...))
  end
  local first, compiled = true, false
  local chunk, message = load(function()
    local piece = read()
    if first and type(piece) == "string" and piece ~= "" then
      first = false
      if byte(piece) == 27 then
        compiled = true
        return defused(piece)
      end
    end
    return piece
  end, name)
  if compiled and type(message) == "string" then
    return refused(message)
  end
  return chunk, message and seen_error(message)
end

-- The collector belongs to the host: it can be asked, and told to collect, but not stopped.
function real.collectgarbage(...)
  local what = ...
  if what == "stop" or what == "restart" then
    return 0
  elseif what == "setpause" or what == "setstepmul" then
    return 200
  elseif what ~= nil and what ~= "collect" and what ~= "count" and what ~= "step" then
    bad(1, "collectgarbage", "invalid option '" .. tostring(what) .. "'")
  end
  return collectgarbage(...)
end

if old_api then
  real.newproxy = newproxy
  real.setfenv = setfenv
  function real.getfenv(...)
    local environment = getfenv((...) or 2)
    if environment == originals then
      return real._G
    end
    return environment
  end
end

local function copy(from)
  local to = {}
  for key, value in pairs(from) do
    to[key] = value
  end
  return to
end

local tables = copy(table)

function tables.insert(...)
  if walls[(...)] then
    error(READONLY, 0)
  end
  if type((...)) ~= "table" then
    bad(1, "insert", "table expected, got " .. found(...))
  end
  local count = select("#", ...)
  if count ~= 2 and count ~= 3 then
    error("wrong number of arguments to 'insert'", 2)
  end
  local _, place = ...
  if count == 3 and not tonumber(place) then
    bad(2, "insert", "number expected, got " .. type(place))
  end
  return insert(...)
end

local function each_behind(each)
  return function(table, visit)
    local behind = walls[table]
    if not behind then
      return each(table, visit)
    end
    return each(copy(behind), visit)
  end
end
tables.foreach = each_behind(foreach)
tables.foreachi = each_behind(foreachi)

local coroutines = copy(coroutine)

function coroutines.resume(...)
  if type((...)) ~= "thread" then
    bad(1, "resume", "coroutine expected")
  end
  return caught(resume(...))
end

local maths = copy(math)
maths.random, maths.randomseed = native.random, native.randomseed

local strings = copy(string)

-- The matcher goes one level deeper on the stack of the process for each of these.
local DEEPENING, MOST_DEEPENING = "[()?*+-]", 2000

for _, name in ipairs({ "find", "match", "gmatch", "gfind", "gsub" }) do
  local search = string[name]
  strings[name] = function(...)
    local _, pattern = ...
    if type(pattern) == "string" and #pattern > MOST_DEEPENING then
      local _, deepening = gsub(pattern, DEEPENING, "")
      if deepening > MOST_DEEPENING then
        error("pattern too complex", 2)
      end
    end
    return search(...)
  end
end
getmetatable("").__index = strings

real.table = wall(tables)
real.coroutine = wall(coroutines)
real.math = wall(maths)
real.string = wall(strings)
string_metatable = wall({ __index = real.string })
real.cjson = wall(native.cjson)
real.cmsgpack = wall(native.cmsgpack)
real.struct = wall(native.struct)
real.bit = wall(native.bit)
real.redis = wall(native.redis)
real.server = real.redis

local globals, gate = strict(real)
real._G = globals

-- What the code of a function library finds while it is loaded.
local while_loading = {}
if native.library then
  local api = strict(native.library)
  while_loading.redis, while_loading.server = api, api
  setmetatable(while_loading, { __index = missing })
end

return {
  globals = globals,
  real = real,
  load_library = function(call)
    gate.__index = while_loading
    local succeeded, value = pcall(call)
    gate.__index = real
    if succeeded then
      return true
    end
    return false, seen_error(value)
  end,
}
