# Makes the Java code of thrift-compiler 0.17 fit libthrift 0.25, where a process
# function also names its result type, makes an empty result, and is public.
s/(Async)?ProcessFunction<I, \? extends +org\.apache\.thrift\.TBase(, *\?)?>/\1ProcessFunction<I, ? extends org.apache.thrift.TBase\2, ? extends org.apache.thrift.TBase>/g
s/([^c])ProcessFunction<I, (\w+)_args>/\1ProcessFunction<I, \2_args, \2_result>/
s/AsyncProcessFunction<I, (\w+)_args, (.*)> \{/AsyncProcessFunction<I, \1_args, \2, \1_result> {/
s/protected boolean isOneway/public boolean isOneway/
s/public (\w+)_args getEmptyArgsInstance/public \1_result getEmptyResultInstance() { return new \1_result(); }\n\n      @Override\n      &/
# A oneway method has no result.
s/return new notify_result\(\)/return null/
s/notify_result/org.apache.thrift.TBase/
