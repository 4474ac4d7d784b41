/// Simplified Chinese of what the message row, questions and prompts say: `english | translation`, matched in their order behind those of
/// `ChineseWords`.
enum ChineseSentences {
    static let text = """
        # add sheet
        Tab field | Tab 字段
        Space change | 空格更改
        Esc stop | Esc 停止统计
        Esc back | Esc 返回
        and more | 以上
        {} marked in {} | 已标记 {} 个，在 {}
        from | 来源
        to | 目标
        names | 名称
        existing | 已存在
        links | 链接
        start | 开始
        storage | 存储类型
        profile | 配置
        will queue | 将加入
        requests | 请求
        problems | 问题
        keep paths | 保留路径
        flat | 不保留目录
        as the remote has it | 按远端配置
        skip, newer, overwrite… | 跳过、较新、覆盖…
        skip | 跳过
        newer | 较新时
        overwrite | 覆盖
        fail | 失败
        rename | 改名
        normal | 普通
        high | 高
        low | 低
        bucket default | 存储桶默认
        what is there already is not known: it may not be listed | 不知道已有什么：无权列出
        none of the first 100,000 objects has such a name | 前 100,000 个对象中没有同名的
        no such name is there yet | 还没有同名对象
        skipped where they are the same | 相同的跳过
        kept where they are newer | 较新的保留
        REPLACED | 将被替换
        new ones get numbers | 新的加编号
        those uploads fail | 这些上传会失败
        may put here | 可以写入
        asking… | 正在询问…
        counting… | 正在统计…
        asking OSS… | 正在询问 OSS…
        not counted; all of it is added | 未统计；将全部加入
        counting was stopped, all of it is added | 统计已停止，将全部加入
        1 object | 1 个对象
        1 pasted path | 1 个粘贴的路径
        {} pasted paths | {} 个粘贴的路径
        the engine did not answer | 引擎没有响应
        the engine stopped counting | 引擎停止了统计
        name a bucket: oss://BUCKET/PREFIX/ | 请写明存储桶：oss://BUCKET/PREFIX/
        expected oss://BUCKET/PREFIX/ or REMOTE:PREFIX/ | 应为 oss://BUCKET/PREFIX/ 或 REMOTE:PREFIX/
        Replace {} objects? | 替换 {} 个对象？
        Replace 1 object? | 替换 1 个对象？
        {} objects in OSS will be replaced. | OSS 中的 {} 个对象将被替换。
        1 object in OSS will be replaced. | OSS 中的 1 个对象将被替换。
        To go on, type the number of objects: {} | 若要继续，请输入对象数量：{}
        adding {} entries to the queue | 正在把 {} 项加入队列
        adding {w} to the queue | 正在把 {} 加入队列
        adding 1 entry to the queue | 正在把 1 项加入队列
        mark what is to go up with Space, then a adds it | 用空格标记要上传的内容，再按 a 添加
        Tab goes to the local files; mark there, then a adds them here | Tab 转到本地文件；在那里标记，再按 a 添加到这里
        nothing is marked | 没有标记
        {}: this name is not UTF-8 and cannot be an object key. Rename it or unmark it. | {}：此名称不是 UTF-8，不能作为对象名。请改名或取消标记。
        pipes, sockets and devices cannot be queued: unmark them | 管道、套接字和设备不能加入队列：请取消标记
        added {w} ({}). | 已加入 {}（{}）。
        added {w}. | 已加入 {}。
        added {w}; {} refused: {}: {}. | 已加入 {}；拒绝 {} 个：{}：{}。
        adding to the queue, the directories are still being listed. | 正在加入队列，目录仍在列出。
        # browse
        local | 本地
        bucket | 存储桶
        remotes | 远端
        entry | 条目
        J more | J 更多
        name | 名称
        kind | 类型
        path | 路径
        place | 位置
        size | 大小
        modified | 修改
        entries | 条目数
        compared | 比较
        there | 远端
        here | 本地
        points to | 指向
        directory | 目录
        prefix | 前缀
        file | 文件
        object | 对象
        link | 链接
        remote | 远端
        pipe, socket or device: cannot be queued | 管道、套接字或设备：不能加入队列
        l unfolds it | l 展开
        same size there and here | 两边大小相同
        differs | 不同
        only here | 仅本地
        only there | 仅远端
        = same  + only here  < only there  ! differs  q in queue  @ link | = 相同  + 仅本地  < 仅远端  ! 不同  q 在队列中  @ 链接
        listing… | 正在列出…
        1 remote | 1 个远端
        1 prefix | 1 个前缀
        cut here | 到此为止
        a adds | a 添加
        a adds 1 pasted path | a 添加 1 个粘贴的路径
        choose where at the right | 请在右边选择位置
        hidden files are shown | 已显示隐藏文件
        hidden files are not shown | 已隐藏隐藏文件
        marks are for local files: this program never changes what is in a bucket | 只能标记本地文件：本程序从不更改存储桶中的内容
        this name is not UTF-8: it can be neither opened nor queued. Rename it first. | 此名称不是 UTF-8：无法打开也无法加入队列。请先改名。
        Space marks it, a adds it to the queue | 空格标记，a 加入队列
        an object: nothing to open | 这是对象：没有可打开的
        cannot compare: {w} | 无法比较：{}
        cannot compare: open a bucket at the right first | 无法比较：请先在右边打开存储桶
        cannot compare: the right pane is not listed completely; R lists it again | 无法比较：右栏没有列完；R 重新列出
        by name and size: {} only here and {} different are marked; {} the same | 按名称和大小：已标记仅本地 {} 个、不同 {} 个；相同 {} 个
        no further match for {} | 没有更多匹配：{}
        nothing was looked for yet; / finds | 还没有查找过；/ 查找
        Could not list {} {} | 无法列出 {} {}
        Backspace widens the filter by one word, f edits it, Esc clears it. | Backspace 去掉筛选的一个词，f 修改，Esc 清除。
        filter without its last word | 筛选去掉最后一个词
        ADDED | 加入
        clear filter | 清除筛选
        widen | 放宽
        # detail
        This upload is no longer in the queue or the history. q goes back. | 此上传已不在队列和历史中。q 返回。
        Asking the engine for this upload… | 正在向引擎询问此上传…
        Parts | 分片
        Events | 事件
        Object | 对象
        Errors | 错误
        PART   STATE     SENT         RATE        TRY  SINCE  LAST ANSWER | 分片   状态      已发         速度        次数 用时   上次响应
        sending | 发送中
        again | 重发
        stored | 已存
        waiting | 等待中
        pending | 未开始
        running | 进行中
        ok | 正常
        differs from the server | 与服务器不符
        key | 对象名
        part size | 分片大小
        id | 编号
        order | 任务
        upload id | 上传编号
        added | 加入
        started | 开始
        finished | 结束
        not known yet | 尚未知
        prio | 优先级
        parts | 分片
        An empty file: one request, no parts. | 空文件：一个请求，没有分片。
        Sent in one request, without parts. | 用一个请求发送，没有分片。
        cell = 1 part | 每格 = 1 个分片
        Nothing has happened yet. | 还没有发生什么。
        No error so far. | 目前没有错误。
        in 1 retry | 重试 1 次
        1 retry | 重试 1 次
        network | 网络
        disk | 磁盘
        schedule | 计划
        resume | 续传
        this is the last upload loaded | 这是已加载的最后一个上传
        this is the first upload loaded | 这是已加载的第一个上传
        J and K scroll in the detail: Enter opens it | J 和 K 在详情中滚动：Enter 打开
        # log and history
        following | 跟随中
        no filter | 无筛选
        debug | 调试
        info | 信息
        notice | 提示
        warning | 警告
        error | 错误
        trace | 跟踪
        critical | 严重
        1 line | 1 行
        Nothing has been logged yet. | 还没有日志。
        this line is about no upload | 此行与上传无关
        long lines are wrapped; w cuts them | 长行已换行；w 截断
        long lines are cut; w wraps them | 长行已截断；w 换行
        no further error in the log that is loaded; davit log has all of it | 已加载的日志中没有更多错误；davit log 有全部
        no further match in the log that is loaded | 已加载的日志中没有更多匹配
        same as remote | 与远端相同
        removed | 已移除
        cancelled, parts kept | 已取消，分片保留
        that day goes on; ] again when more is here | 这一天还没完；有更多时再按 ]
        there is no older day | 没有更早的一天
        there is no newer day | 没有更晚的一天
        this one did not come from a file: it cannot be queued again | 它不来自文件：不能重新排队
        # header and small windows
        +1 directory still scanning | +1 个目录仍在扫描
        ENGINE NOT ANSWERING: attempt {} in {} | 引擎没有响应：第 {} 次尝试将在 {} 后
        OSS UNREACHABLE: {} | OSS 无法连接：{}
        davit: ENGINE LOST | davit：引擎断开
        davit: no engine yet | davit：还没有引擎
        q leave | q 离开
        # questions
        aborted {w}, stored parts are deleted | 已中止 {}，已存分片已删除
        could not be changed | 无法更改
        {} is not {} | {} 不是 {}
        1 other front end is attached too. | 另有 1 个前端也已连接。
        # message row
        {} marked{}, {} not shown by the filter. Esc clears. | 已标记 {} 个{}，其中 {} 个被筛选隐藏。Esc 清除。
        input burst ignored: {} came at once, as from a paste | 已忽略输入：一次来了 {}，像是粘贴
        the engine is slow to answer: this key was dropped | 引擎响应慢：此键被丢弃
        refused: the engine has not answered yet. Nothing you press is queued up | 已拒绝：引擎还没有响应。按键不会被积压
        {} failed further down: f state:failed shows them | 下面还有 {} 个失败：f state:failed 显示
        nothing to copy here | 此处没有可复制的
        {}: nothing to copy by that name. y, then p u i or e | {}：没有这个可复制项。先 y，再 p u i 或 e
        this upload has no error to copy | 此上传没有错误可复制
        nothing here to move | 此处没有可移动的
        nothing here to pause | 此处没有可暂停的
        nothing here to resume | 此处没有可继续的
        nothing here to change | 此处没有可更改的
        nothing here to {w} | 此处没有可{}的
        the tree is not in this version; f and a directory's name shows what is below it | 此版本没有树形列表；f 加目录名显示其下内容
        the queue's own order has no reverse; s sorts by something else | 队列自身的顺序不能反转；s 按其他方式排序
        {} of the range were not loaded and are not marked; V marks all of a filter | 范围中有 {} 个未加载，未标记；V 标记筛选出的全部
        {} rows are not loaded and are not marked | {} 行未加载，未标记
        the last action is still under way: try again in a moment | 上一个操作仍在进行：请稍后再试
        the priority is {w} already | 优先级已经是 {}
        no further problem in the rows loaded; f state:failed,held shows all | 已加载的行中没有更多问题；f state:failed,held 显示全部
        no further match in the rows loaded; f {} narrows the whole list | 已加载的行中没有更多匹配；f {} 筛选整个列表
        {} works on {w} | {} 用于 {}
        nothing changed: {w} {w} | 没有更改：{} {}
        removed {w} from the list.   u undo | 已从列表移除 {}   u 撤销
        trying {w} again | 正在重试 {}
        r tries again once the cause is gone | 原因消除后 r 重试
        the colours stay as they were | 颜色保持不变
        {} characters | {} 个字符
        1 character | 1 个字符
        # prompts
        limit up, all uploads (now {}, using {}): | 上传限速，所有上传（现为 {}，使用 {}）：
        limit up, all uploads (now {}): | 上传限速，所有上传（现为 {}）：
        Enter apply  Up history  none = no limit  +10%  -10%  Esc keep {w} | Enter 应用  Up 历史  none = 不限  +10%  -10%  Esc 保持 {}
        no limit | 不限
        slow mode limit (now {}): | 慢速模式限速（现为 {}）：
        Enter apply  1M, 8Mbit  Esc keep | Enter 应用  1M、8Mbit  Esc 保持
        uploads at once (now {}): | 同时上传数（现为 {}）：
        parts at once, all uploads (now {}): | 同时分片数，所有上传（现为 {}）：
        Enter apply  5 = uploads  5/16 = uploads and parts  auto  Esc keep | Enter 应用  5 = 上传  5/16 = 上传和分片  auto  Esc 保持
        Enter apply  a number or auto  Esc keep | Enter 应用  数字或 auto  Esc 保持
        sort by: | 排序：
        name size modified; - turns it round | name size modified；- 反转
        order name size done rate eta added finished tries dest error; - turns it round | order name size done rate eta added finished tries dest error；- 反转
        show names with: | 显示名称含：
        show lines with: | 显示行含：
        filter: | 筛选：
        go to: | 前往：
        Enter keep  Esc show all | Enter 保留  Esc 显示全部
        Enter keep  words, level:debug level:warning; empty shows all  Esc back | Enter 保留  词、level:debug level:warning；空为全部  Esc 返回
        Enter keep  words, state:failed size>1G bucket:B; empty shows all  Esc back | Enter 保留  词、state:failed size>1G bucket:B；空为全部  Esc 返回
        Enter find  n next  N previous  Esc back | Enter 查找  n 下一个  N 上一个  Esc 返回
        Enter go  a path, ~/…, oss://BUCKET/PREFIX/ or REMOTE:PREFIX/  Esc back | Enter 前往  路径、~/…、oss://BUCKET/PREFIX/ 或 REMOTE:PREFIX/  Esc 返回
        no such order: {}. One of {} | 没有这种排序：{}。可用 {}
        expected a number from 1 to 1000 or auto, or two as 5/16 | 应为 1 到 1000 的数字或 auto，或两个如 5/16
        expected a number from 1 to 1000 or auto{w} | 应为 1 到 1000 的数字或 auto{}
        expected a number from 1 to 1000 or auto | 应为 1 到 1000 的数字或 auto
        type a path or a destination | 请输入路径或目标
        # palette
        no such {w}: {} | 没有这个{}：{}
        no such command: {} | 没有这个命令：{}
        not in this version | 此版本没有
        saved view | 已保存的视图
        keep this filter under a name: view save NAME | 给此筛选命名保存：view save 名称
        """
}
